/**
 * What the tests of each wire's streams share: how a stream of a driver is read, and an endpoint on loopback.
 * @module
 */
import type { DriverCaller, DriverOptions } from "../../protocol/caller.ts";
import { isPluginError } from "../../protocol/errors.ts";
import { text } from "../support.ts";

/** The options of a driver in a test: parts of at most 1 KiB. */
export const OPTIONS: DriverOptions = { host: "app", plugin: "peer", dialect: "goplugin-1", maxPayloadBytes: 1024 };

/** The parts of a stream as texts, and the code that it ended with. */
export async function partsOf(driver: DriverCaller, command = "any.command"): Promise<readonly [parts: readonly string[], end: string]> {
  const parts: string[] = [];
  try {
    for await (const part of driver.stream?.(command) ?? []) parts.push(part.length > 40 ? `${part.length} bytes` : text(part));
    return [parts, "end"];
  } catch (error) {
    return [parts, isPluginError(error) ? `${error.plugin}: ${error.code}` : String(error)];
  }
}

/** Where a peer on loopback is. */
export function tcp(port: number): { readonly kind: "tcp"; readonly url: URL } {
  return { kind: "tcp", url: new URL(`http://127.0.0.1:${port}`) };
}
