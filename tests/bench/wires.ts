/**
 * The wires of the benchmark: for each, the plugin that polyplug calls, and the program and client that move the same bytes without it.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { typescriptPlugin } from "../support.ts";
import { openGrpcFloor } from "./floor/grpc.ts";
import { openHttpFloor } from "./floor/http_client.ts";
import { HTTP_FORMS } from "./floor/http_forms.ts";
import { openSocketFloor } from "./floor/socket.ts";
import type { Lane } from "./lane.ts";

/** The name of a wire as the table shows it. */
export type WireName = "socket" | "rest" | "rest-hex" | "connect" | "grpc";

/** The wires in the order of the table. */
export const WIRES: readonly WireName[] = ["socket", "rest", "rest-hex", "connect", "grpc"];

/** Whether the other side is a plugin of ours; `rest-hex` is a plain plugin in another language's place, the floor's own server. */
export function isOurPlugin(wire: WireName): boolean {
  return wire !== "rest-hex";
}

/** The configuration of the plugin that polyplug calls. */
export function pluginOf(wire: WireName): Record<string, unknown> {
  if (!isOurPlugin(wire)) return { ...typescriptPlugin("tests/bench/floor/main.ts", ["--wire", wire]), comm_type: "rest" };
  return { ...typescriptPlugin("tests/bench/listening.ts"), ...(wire === "socket" ? { socket: true } : { comm_type: wire }) };
}

async function openClient(wire: WireName, address: string): Promise<Lane> {
  if (wire === "socket") return await openSocketFloor(address);
  const form = HTTP_FORMS.get(wire);
  return form === undefined ? await openGrpcFloor(address) : await openHttpFloor(address, form);
}

/** Starts the floor's server on this runtime and connects its client. */
export async function openFloor(wire: WireName): Promise<Lane> {
  const { exec, exec_args } = typescriptPlugin("tests/bench/floor/main.ts", ["--wire", wire]);
  const child = spawn(exec as string, exec_args as string[], { stdio: ["pipe", "pipe", "inherit"] });
  const [address] = await once(createInterface(child.stdout), "line") as [string];
  const client = await openClient(wire, address);
  return {
    call: client.call,
    close: async () => {
      // The server first: one on Deno may crash when it is told that its client leaves (denoland/deno#36788).
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
      await client.close();
    },
  };
}
