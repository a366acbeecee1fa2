/**
 * The library's own drivers: takes a `comm_type`, gives the driver, whose code is loaded when a plugin that speaks it is first started.
 * @module
 */
import type { Driver } from "../protocol/caller.ts";
import { loadHttpClient } from "../protocol/rest/clients.ts";

interface Wire {
  readonly open: Driver;
  /** Loads its code, and what that loads; rejects when it is missing, which opening the driver says too. */
  readonly load: () => Promise<unknown>;
}

const WIRES: ReadonlyMap<string, Wire> = new Map([
  ["rest", {
    open: async (endpoint, options) => (await import("../protocol/rest/caller.ts")).openRestCaller(endpoint, options),
    load: () => Promise.all([import("../protocol/rest/caller.ts"), loadHttpClient()]),
  }],
  ["grpc", {
    open: async (endpoint, options) => (await import("../protocol/grpc/caller.ts")).openGrpcCaller(endpoint, options),
    load: () => import("../protocol/grpc/caller.ts"),
  }],
  ["connect", {
    open: async (endpoint, options) => (await import("../protocol/connect/caller.ts")).openConnectCaller(endpoint, options),
    load: () => Promise.all([import("../protocol/connect/caller.ts"), loadHttpClient()]),
  }],
  ["stdio", {
    open: async (endpoint, options) => (await import("../protocol/stdio/caller.ts")).openStdioCaller(endpoint, options),
    load: () => import("../protocol/stdio/caller.ts"),
  }],
]);

/** The drivers by the `comm_type` that names them. */
export const DRIVERS: ReadonlyMap<string, Driver> = new Map([...WIRES].map(([name, { open }]) => [name, open]));

/** The name of the framed socket where wires are named; no `comm_type` has it. */
export const SOCKET: string = "socket";

/** The `comm_type` of a plugin that is called over its stdin and stdout, and has no address. */
export const STDIO: string = "stdio";

/** What carries calls where a plugin offers the framed socket; loaded then. */
export const openSocket: Driver = async (endpoint, options) =>
  (await import("../protocol/socket/caller.ts")).openSocketCaller(endpoint, options);

/** Loads a driver's code while its plugin starts, which takes about as long: both at once, not one after the other. */
export function preloadDriver(driver: Driver | undefined): void {
  for (const { open, load } of WIRES.values()) {
    if (open === driver) load().catch(() => {}); // Opening the driver tells what is wrong.
  }
}
