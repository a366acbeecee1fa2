/**
 * The wires of the benchmark: for each, the plugin that polyplug calls, and the programs and clients that move the same bytes without it.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { keysOf, typescriptPlugin } from "../support.ts";
import { openGrpcFloor } from "./floor/grpc.ts";
import { openHttpFloor } from "./floor/http_client.ts";
import { HTTP_FORMS } from "./floor/http_forms.ts";
import { openQuickFloor } from "./floor/quick_http.ts";
import { openSocketFloor } from "./floor/socket.ts";
import { openStdioFloor } from "./floor/stdio.ts";
import type { Lane } from "./lane.ts";

/** The name of a wire as the table shows it: `rest` carries raw bytes, as between our own two sides; `rest-hex` JSON with hex. */
export type WireName = "socket" | "stdio" | "rest" | "rest-hex" | "connect" | "grpc";

/** The wires in the order of the table. */
export const WIRES: readonly WireName[] = ["socket", "stdio", "rest", "rest-hex", "connect", "grpc"];

/** Whether polyplug's own plugin is called; `rest-hex` is a plain plugin in another language's place: the floor's own server. */
export function isOurPlugin(wire: WireName): boolean {
  return wire !== "rest-hex";
}

/** Whether the floor exists on the runtime's quickest HTTP too. */
export function hasQuickFloor(wire: WireName): boolean {
  return wire === "rest" || wire === "rest-hex";
}

/** The configuration of the plugin that polyplug calls. */
export function pluginOf(wire: WireName): Record<string, unknown> {
  if (!isOurPlugin(wire)) return { ...typescriptPlugin("tests/bench/floor/main.ts", ["--wire", wire]), comm_type: "rest" };
  return { ...typescriptPlugin("tests/bench/echo_plugin.ts"), ...keysOf(wire) };
}

/** Starts the floor's server on this runtime and connects its client; `quick` asks for the runtime's own HTTP. */
export async function openFloor(wire: WireName, quick = false): Promise<Lane> {
  const program = typescriptPlugin("tests/bench/floor/main.ts", ["--wire", wire, ...(quick ? ["--quick"] : [])]);
  if (wire === "stdio") return await openStdioFloor(start(program));
  return await openOther(program, (line) => line, async (address) => {
    if (wire === "socket") return await openSocketFloor(address);
    const form = HTTP_FORMS.get(wire);
    if (form === undefined) return await openGrpcFloor(address);
    return quick ? await openQuickFloor(address, form) : await openHttpFloor(address, form);
  });
}

/** The other half of `rest-hex`: our own plugin, called by the floor's client, which stands for a foreign host. */
export async function openForeignHost(wire: WireName): Promise<Lane> {
  const form = HTTP_FORMS.get(wire);
  if (form === undefined) throw new TypeError(`${wire} has no floor over HTTP`);
  const addressOf = (line: string): string | undefined => JSON.parse(line).address;
  return await openOther(typescriptPlugin("tests/bench/echo_plugin.ts"), addressOf, (address) => openHttpFloor(address, form));
}

/** Starts a program and connects to the address that it prints. */
async function openOther(
  program: Record<string, unknown>,
  addressOf: (line: string) => string | undefined,
  connect: (address: string) => Promise<Lane>,
): Promise<Lane> {
  const child = start(program);
  const address = await firstOf(child.stdout, addressOf);
  const { call, close } = await connect(address);
  return {
    call,
    close: async () => {
      // The server first: one on Deno may crash when it is told that its client leaves (denoland/deno#36788).
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
      await close();
    },
  };
}

function start({ exec, exec_args }: Record<string, unknown>) {
  const env = { ...process.env, POLYPLUG_PROTOCOL: "1" };
  return spawn(exec as string, exec_args as string[], { stdio: ["pipe", "pipe", "inherit"], env });
}

async function firstOf(stream: Readable, addressOf: (line: string) => string | undefined): Promise<string> {
  return await new Promise((resolve, reject) => {
    const onLine = (line: string) => {
      const address = addressOf(line);
      if (address !== undefined) resolve(address);
    };
    createInterface(stream).on("line", onLine).on("close", () => reject(new Error("A program of the benchmark ended before it listened")));
  });
}
