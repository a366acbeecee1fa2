/**
 * Starts a plugin for the conformance tests, as a host would but without one: hands its address to `use`, and ends it afterwards.
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { ConformTarget } from "../../host/conform/conform.ts";
import { isListening, reservePort } from "../../host/process/ports.ts";
import { createToken } from "../../protocol/proof.ts";
import { parseReadyLine } from "../../protocol/ready_line.ts";
import { pathOf, type Runtime } from "../support.ts";

/** The limit that the plugins get: small, so that the checks of it are quick. */
const LIMIT = 1024 * 1024;

/** Runs a plugin that prints a ready line and knows polyplug, with a token and a limit unless `extra` says otherwise. */
export async function withReadyPlugin<T>(
  command: readonly string[],
  use: (target: ConformTarget) => Promise<T>,
  extra: Environment = {},
): Promise<T> {
  return await withOffered(command, { key: "address", extra }, use);
}

/** Runs a plugin that offers the framed socket, with a token and a limit unless `extra` says otherwise. */
export async function withSocketPlugin<T>(
  command: readonly string[],
  use: (target: ConformTarget) => Promise<T>,
  extra: Environment = {},
): Promise<T> {
  return await withOffered(command, { key: "socket", extra }, (target) => use({ ...target, commType: "socket" }));
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Waits for the ready line that has this key. */
async function withOffered<T>(
  command: readonly string[],
  { key, extra }: { readonly key: "address" | "socket"; readonly extra: Environment },
  use: (target: ConformTarget) => Promise<T>,
): Promise<T> {
  const token = createToken();
  const env = { POLYPLUG_PROTOCOL: "1", POLYPLUG_TOKEN: token, POLYPLUG_MAX_PAYLOAD: String(LIMIT), ...extra };
  return await withProgram(command, env, async (lines) => {
    for await (const line of lines) {
      const address = parseReadyLine(line)?.[key];
      if (address !== undefined) return await use({ address, token, maxPayloadBytes: LIMIT });
    }
    throw new Error(`${command.join(" ")} ended without a ready line`);
  });
}

/** Runs a plain plugin, which listens at the port that it is given and says nothing. */
export async function withPlainPlugin<T>(command: readonly string[], use: (target: ConformTarget) => Promise<T>): Promise<T> {
  const { port, release } = await reservePort();
  try {
    return await withProgram([...command, "--port", String(port)], {}, async () => {
      while (!(await isListening("127.0.0.1", port))) await new Promise((resolve) => setTimeout(resolve, 10));
      return await use({ address: `http://127.0.0.1:${port}` });
    });
  } finally {
    release();
  }
}

/** The command line of a TypeScript file of the repository on a runtime. */
export function typescriptCommand(file: string, runtime: Runtime): readonly string[] {
  return [runtime, ...(runtime === "deno" ? ["run", "-A", "-q"] : []), pathOf(file)];
}

/** The command line of a Python file of the repository. */
export function pythonCommand(file: string, ...args: readonly string[]): readonly string[] {
  return ["python3", pathOf(file), ...args];
}

async function withProgram<T>(
  [program = "", ...args]: readonly string[],
  env: Environment,
  use: (lines: AsyncIterable<string>) => Promise<T>,
): Promise<T> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...env } });
  const ended = new Promise<void>((resolve, reject) => child.once("exit", () => resolve()).once("error", reject));
  child.stdin.on("error", () => {}); // A program that has ended already needs no word.
  try {
    return await Promise.race([use(createInterface(child.stdout)), ended.then(() => new Promise<never>(() => {}))]);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}
