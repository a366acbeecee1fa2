/**
 * Stage 4, port: takes a `PluginSpec`, gives the port that the plugin is told, which nobody else uses.
 * @module
 */
import { isLoopbackName } from "../../protocol/endpoint.ts";
import { isPluginError, PluginError } from "../../protocol/errors.ts";
import type { PluginSpec } from "../discover.ts";
import { STDIO } from "../drivers.ts";
import { portFromArgs } from "./command_line.ts";
import { claimPort, isBindable, isListening, LOOPBACK, placeFromUrl, reservePort } from "./ports.ts";

/** A port that is claimed within this host, until it is released. */
export interface ChosenPort {
  /** `undefined` when the plugin listens at a Unix socket that the configuration names, or nowhere. */
  readonly port: number | undefined;
  /** Whether the host chose it, so that another will do as well. */
  readonly chosen: boolean;
  release(): void;
}

/**
 * The port of `comm_port`, `address` or `exec_args`, else a free one; it must refuse connections before the start.
 * @throws {PluginError} "ready.port_taken".
 */
export async function choosePort(spec: PluginSpec): Promise<ChosenPort> {
  if (spec.commType === STDIO || (spec.address !== undefined && spec.address.kind !== "tcp")) {
    return { port: undefined, chosen: false, release: () => {} };
  }
  const place = spec.address && placeFromUrl(spec.address.url);
  const port = spec.commPort || place?.port || portFromArgs(spec.execArgs);
  if (port === 0) return { chosen: true, ...await reservePort() };
  const claimed = claimPort(port);
  if (claimed === undefined) throw portTaken(spec, `another plugin is being started on port ${port}`);
  const addresses = place !== undefined && isLoopbackName(place.address) ? [...LOOPBACK, place.address] : LOOPBACK;
  for (const address of addresses) {
    if (!(await isListening(address, port))) continue;
    claimed.release();
    throw portTaken(spec, `something already listens on port ${port} of ${address}`);
  }
  return { chosen: false, ...claimed };
}

function portTaken(spec: PluginSpec, what: string): PluginError {
  const hint = "End that program, or leave comm_port out so that the host chooses a free port";
  return new PluginError("ready.port_taken", `Cannot start plugin "${spec.name}": ${what}`, { plugin: spec.name, hint });
}

/** Whether another program has the port: the plugin could not bind it and exited, or the other one answered in its place. */
export async function wasTaken({ port }: ChosenPort, error: unknown): Promise<boolean> {
  if (!isPluginError(error) || port === undefined) return false;
  return error.code === "ready.impostor" || (error.code === "ready.exited" && !(await isBindable(port)));
}
