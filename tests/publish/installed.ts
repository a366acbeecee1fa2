/**
 * Takes the project as it stands, gives it as somebody has it who typed `npm install @polyplug/core`: built, packed, and installed from
 * the tarball in a folder of its own, beside the files of `consumer/`.
 * @module
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { pathOf, RUNTIME, type Runtime } from "../support.ts";

/** What a program wrote, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The package as it was installed. */
export interface Installed {
  /** What `deno task build` made. */
  readonly built: string;
  readonly tarball: string;
  /** What npm put into it. */
  readonly files: readonly string[];
  /** Where the tarball was installed. */
  readonly folder: string;
}

/** Under npx these would lead npm to the project; the registry is the machine's affair. */
const OF_NPX = /^(npm_(?!config_registry$|config_cache$)|INIT_CWD$)/;

/** Runs a program to its end, without what npx leaves in the environment. */
export async function run(program: string, args: readonly string[], cwd: string): Promise<Ended> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_NPX.test(name)));
  const child = promisify(execFile)(program, [...args], { cwd, env: { ...env, NO_COLOR: "1" }, timeout: 120_000 });
  child.child.stdin?.end();
  return await child.then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), (error) => {
    if (typeof error.code !== "number") throw error;
    return { code: error.code, stdout: error.stdout, stderr: error.stderr };
  });
}

/** Runs a program that must do its work. */
export async function mustRun(program: string, args: readonly string[], cwd: string): Promise<Ended> {
  const ended = await run(program, args, cwd);
  if (ended.code !== 0) throw new Error(`${[program, ...args].join(" ")} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
  return ended;
}

/** A file, run by a runtime. */
export function commandOf(file: string, args: readonly string[] = [], runtime: Runtime = RUNTIME): [program: string, args: string[]] {
  return [runtime, [...(runtime === "deno" ? ["run", "-A", "-q"] : []), file, ...args]];
}

/** Builds, packs and installs into a folder. */
export async function install(folder: string): Promise<Installed> {
  const built = join(folder, "built");
  await mustRun(...commandOf(pathOf("tasks/build.ts"), [built], "deno"), folder);
  const { stdout } = await mustRun("npm", ["pack", built, "--pack-destination", folder, "--json"], folder);
  const [{ filename, files }] = JSON.parse(stdout);
  const consumer = join(folder, "consumer");
  await cp(pathOf("tests/publish/consumer"), consumer, { recursive: true });
  await writeFile(join(consumer, "package.json"), '{ "private": true, "type": "module" }\n');
  await writeConfig(consumer);
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  await mustRun("npm", ["install", join(folder, filename), ...options], consumer);
  await linkTypes(consumer);
  const paths = files.map(({ path }: { path: string }) => path);
  return { built, tarball: join(folder, filename), files: paths, folder: consumer };
}

/** The runtimes' own types, as `npm install -D` would add them. */
async function linkTypes(folder: string): Promise<void> {
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  for (const types of ["@types/node", "bun-types"]) {
    await symlink(await realpath(pathOf(`node_modules/${types}`)), join(folder, "node_modules", types));
  }
}

/** Two plugins of the package, one on this runtime and one with a transport of the application's own, and one for an older application. */
async function writeConfig(folder: string): Promise<void> {
  const plugin = async (name: string, file: string, more: string) => {
    const sha256 = createHash("sha256").update(await readFile(join(folder, file))).digest("hex");
    const [exec, args] = commandOf(file);
    return `[plugins.${name}]\nexec = "${exec}"\nexec_args = ${
      JSON.stringify(args)
    }\nexec_file = "${file}"\nsha256 = "${sha256}"\n${more}\n`;
  };
  await writeFile(
    join(folder, "config.toml"),
    [
      await plugin("reverse", "plugin.ts", 'api = "^2"'),
      await plugin("nano", "nano_plugin.ts", 'comm_type = "nano"'),
      await plugin("old", "plugin.ts", 'api = "^1"'),
      '[hosts.app]\nplugins = ["reverse", "nano", "old"]\n',
    ].join("\n"),
  );
}
