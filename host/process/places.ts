/**
 * Where a plugin may answer: takes ready lines, ports and addresses, gives the places to ask.
 * @module
 */
import type { Driver } from "../../protocol/caller.ts";
import { addressFromEndpoint, type Channel, type Endpoint, endpointFromAddress, isLocal } from "../../protocol/endpoint.ts";
import { PluginError } from "../../protocol/errors.ts";
import type { ReadyLine } from "../../protocol/ready_line.ts";
import type { PluginSpec } from "../discover.ts";
import { DRIVERS, openSocket, SOCKET, STDIO } from "../drivers.ts";
import { requireProtocol } from "./identify.ts";
import { LOOPBACK } from "./ports.ts";

/** Where to ask, over what. */
export interface Place {
  readonly endpoint: Endpoint;
  readonly wire: string;
  readonly openDriver: Driver;
}

/** What is known of where a plugin answers before it says anything. */
export interface Known {
  readonly port: number | undefined;
  /** Its pipes, when these carry the calls. */
  readonly channel: Channel | undefined;
}

/** Where it answers as the configuration says: on its pipes, at its address, or on a port of the loopback. */
export function placesFromSpec(spec: PluginSpec, { port, channel }: Known, openDriver: Driver): readonly Place[] {
  if (channel !== undefined) return [{ endpoint: { kind: "pipes", channel }, wire: spec.commType, openDriver }];
  const loopback = port === undefined ? [] : LOOPBACK.map((address) => tcp(address, port));
  const named = spec.attach ?? spec.address;
  return (named === undefined ? loopback : [named]).map((endpoint) => ({ endpoint, wire: spec.commType, openDriver }));
}

/**
 * Where its ready line says that it answers.
 * @throws {PluginError} "ready.bad_line", "ready.protocol".
 */
export function placeFromLine(spec: PluginSpec, line: ReadyLine, openDriver: Driver): Place {
  return { endpoint: endpointFromLine(spec, line), wire: spec.commType, openDriver };
}

/**
 * The framed socket that its ready line offers, when this host may use one.
 * @throws {PluginError} "ready.bad_line", "ready.protocol".
 */
export function socketFromLine(spec: PluginSpec, line: ReadyLine, drivers: WireDrivers): Place | undefined {
  requireLine(spec, line);
  const endpoint = endpointFromAddress(line.socket ?? "");
  if (endpoint?.kind !== "unix" || !mayUseSocket(spec, drivers)) return undefined;
  return { endpoint, wire: SOCKET, openDriver: drivers.openSocket ?? openSocket };
}

/** The drivers that may reach one plugin. */
export interface WireDrivers {
  /** That of its `comm_type`. */
  readonly openDriver: Driver;
  /** One for the framed socket in place of the library's. */
  readonly openSocket?: Driver | undefined;
}

/** An application that brings a driver of its own for this wire alone wants that one. */
export function mayUseSocket(spec: PluginSpec, drivers: WireDrivers): boolean {
  return spec.socket && spec.commType !== STDIO && (drivers.openSocket !== undefined || DRIVERS.get(spec.commType) === drivers.openDriver);
}

function tcp(address: string, port: number): Endpoint {
  return { kind: "tcp", url: new URL(`http://${address.includes(":") ? `[${address}]` : address}:${port}`) };
}

function endpointFromLine(spec: PluginSpec, line: ReadyLine): Endpoint {
  requireLine(spec, line);
  const endpoint = line.address === undefined ? undefined : endpointFromAddress(line.address);
  if (endpoint === undefined) {
    throw badLine(spec, `its address is ${JSON.stringify(line.address)}, neither an http URL with a port nor unix:/path`);
  }
  if (!isLocal(endpoint)) throw badLine(spec, `its address ${addressFromEndpoint(endpoint)} is not on this machine's loopback`);
  return endpoint;
}

function requireLine(spec: PluginSpec, { polyplug, commType }: ReadyLine): void {
  requireProtocol(spec, polyplug);
  if (commType !== spec.commType) throw badLine(spec, `it serves "${commType ?? ""}", the configuration says "${spec.commType}"`);
}

function badLine(spec: PluginSpec, what: string): PluginError {
  return new PluginError("ready.bad_line", `The ready line of plugin "${spec.name}" cannot be used: ${what}`, { plugin: spec.name });
}
