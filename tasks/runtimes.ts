/**
 * Finds Deno, Bun and Node, and gives their paths and a PATH on which `deno`, `bun` and `node` are those three, and `python3` is a Python.
 *
 * A machine with nothing but an old Node and npm is enough: Deno is the one that runs this file (or the one on PATH), Bun is a
 * development dependency, Node comes from npm when the one on PATH is too old to run plugins.
 * @module
 */
import { execFile } from "node:child_process";
import { access, constants, mkdir, open, realpath, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";

/** Absolute paths of the three runtimes' own binaries, and the PATH value that leads to them. */
export interface Runtimes {
  readonly deno: string;
  readonly bun: string;
  readonly node: string;
  /** PATH for children: a folder that holds the three and nothing else, Python's own where it has to be, then the PATH of this process. */
  readonly path: string;
}

const run = promisify(execFile);
const nodeModules = join(import.meta.dirname!, "..", "node_modules");
const linkFolder = join(nodeModules, ".runtimes");
/** `import.meta.main` and `await using` came with it. */
const oldestNode = [24, 2] as const;

/**
 * Finds the three runtimes.
 * @throws {Error} when one cannot be found, naming what to run.
 */
export async function findRuntimes(): Promise<Runtimes> {
  const deno = process.versions.deno ? process.execPath : await findOnPath("deno");
  if (!deno) throw new Error("Cannot find Deno: run this as `npx -y deno task ...`");
  const bun = await realpath(join(nodeModules, ".bin", "bun")).catch(() => undefined);
  if (!bun) throw new Error("Cannot find Bun in node_modules: run `npx -y deno install`");
  const node = await findNode();
  await Promise.all([link("deno", deno), link("bun", bun), link("node", node)]);
  return { deno, bun, node, path: [linkFolder, ...await findPythonFolder(), process.env.PATH].join(delimiter) };
}

/** What PATH leads to may be the script of a version manager, which takes four times as long to start as Python itself. */
async function findPythonFolder(): Promise<readonly string[]> {
  try {
    const { stdout } = await run("python3", ["-c", "import os, sys; print(os.path.dirname(sys.executable))"]);
    const folder = stdout.trim();
    return folder === "" || process.env.PATH?.split(delimiter).includes(folder) ? [] : [folder];
  } catch {
    return []; // no Python here, which tests/languages.ts deals with
  }
}

async function findNode(): Promise<string> {
  const onPath = await findOnPath("node");
  for (const candidate of [onPath, join(linkFolder, "node")]) {
    const execPath = candidate && await recentNode(candidate);
    if (execPath) return execPath;
  }
  return await nodeFromNpm();
}

/** Asks the binary itself: what PATH leads to may be a wrapper of a version manager. */
async function recentNode(candidate: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(candidate, ["-p", "process.versions.node + ' ' + process.execPath"]);
    const [, major, minor, execPath] = /^(\d+)\.(\d+)\.\S+ (.+)$/m.exec(stdout) ?? [];
    const isRecent = Number(major) > oldestNode[0] || (Number(major) === oldestNode[0] && Number(minor) >= oldestNode[1]);
    return isRecent ? execPath : undefined;
  } catch {
    return undefined; // not there, or not a Node: the next candidate is asked
  }
}

async function nodeFromNpm(): Promise<string> {
  const args = ["-y", "--package=node@24", "--", "node", "-p", "process.execPath"];
  try {
    // Away from the project, whose node_modules npm would read first.
    const { stdout } = await run("npx", args, { cwd: tmpdir() });
    return await realpath(stdout.trim().split("\n").at(-1)!);
  } catch (cause) {
    throw new Error(`Cannot get Node 24 from npm: \`npx ${args.join(" ")}\` failed`, { cause });
  }
}

/** The first executable of that name on PATH that is a binary, not a script: the `deno` that npx puts there starts a Node first. */
async function findOnPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const candidate = join(folder, name);
    if (await isExecutable(candidate) && !await isScript(candidate)) return await realpath(candidate);
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(() => true, () => false);
}

async function isScript(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer } = await file.read(new Uint8Array(2), 0, 2, 0);
  return String.fromCharCode(...buffer) === "#!";
}

/** By rename, so that another run that uses the link at this moment never misses it. */
async function link(name: string, target: string): Promise<void> {
  await mkdir(linkFolder, { recursive: true });
  const fresh = join(linkFolder, `.${name}-${process.pid}`);
  await rm(fresh, { force: true });
  await symlink(target, fresh);
  await rename(fresh, join(linkFolder, name));
}
