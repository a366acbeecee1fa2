/**
 * Says where a plugin listens: to a host in the ready line on stdout, to a person on stderr, with a command line that calls it.
 * @module
 */
import process from "node:process";
import type { Plugin } from "../protocol/plugin.ts";
import { formatReadyLine } from "../protocol/ready_line.ts";
import type { CommType, SettledOptions } from "./options.ts";

/** Says it to whoever started the plugin. */
export function announce(plugin: Plugin, { commType, hostProtocols }: SettledOptions, address: string): void {
  if (hostProtocols !== undefined) {
    tellHost(formatReadyLine(commType, { address }));
    return;
  }
  const command = Object.keys(plugin.commands)[0];
  process.stderr.write(`${plugin.name} ${plugin.version} listens on ${address}\nCall it:\n  ${callLine(commType, address, command)}\n`);
}

/** Says where the framed socket is, to a host. */
export function announceSocket({ commType }: SettledOptions, socket: string): void {
  tellHost(formatReadyLine(commType, { socket }));
}

/** A host that is gone shows in the end of stdin, after which the plugin cleans up; its broken pipe must not end the plugin before. */
function tellHost(line: string): void {
  process.stdout.on("error", () => {}).write(`${line}\n`);
}

/** What a person types; gRPC cannot be written by hand. */
function callLine(commType: CommType, address: string, command: string | undefined): string {
  if (commType === "grpc") {
    return `polyplug ${command === undefined ? "ping" : "exec"} --at ${address} --type grpc ${command ?? ""} ${
      command === undefined ? "" : "hello"
    }`.trimEnd();
  }
  const place = address.startsWith("unix:") ? `--unix-socket ${address.slice("unix:".length)} http://localhost` : address;
  if (commType === "connect") {
    const json = "curl -H 'content-type: application/json'";
    if (command === undefined) return `${json} -d '{}' ${place}/plugin.Plugin/Ping`;
    return `${json} -d '{"Command":"${command}","Payload":"68656c6c6f"}' ${place}/plugin.Plugin/Exec`;
  }
  if (command === undefined) return `curl ${place}/ping`;
  return `curl --data-binary 'hello' -H 'content-type: application/octet-stream' -H 'x-command: ${command}' ${place}/exec`;
}
