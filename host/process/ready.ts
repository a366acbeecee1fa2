/**
 * Stage 5, ready: takes a `RunningProcess` and where it should listen, gives a `Connection` to it once it answers.
 * @module
 */
import type { CallOptions, Driver, DriverCaller, Identity } from "../../protocol/caller.ts";
import { addressFromEndpoint, type Endpoint, endpointFromAddress, isLocal } from "../../protocol/endpoint.ts";
import { isPluginError, PluginError } from "../../protocol/errors.ts";
import { createNonce, equalsSecret, proofFromToken } from "../../protocol/proof.ts";
import type { ReadyLine } from "../../protocol/ready_line.ts";
import { PROTOCOL_VERSION, SOCKET_FEATURE } from "../../protocol/reserved.ts";
import type { PluginSpec } from "../discover.ts";
import { DRIVERS } from "../drivers.ts";
import { isListening, LOOPBACK, placeFromUrl } from "./ports.ts";
import type { RunningProcess } from "./spawn.ts";
import { exitError, lateError } from "./start_error.ts";

/** A way to a plugin that has answered a ping. */
export interface Connection {
  readonly endpoint: Endpoint;
  /** What it speaks: the plugin's `comm_type`, or `socket`. */
  readonly wire: string;
  readonly driver: DriverCaller;
  /** What it says of itself, the configuration's features added. */
  readonly features: readonly string[];
}

/** What the wait needs to know. */
export interface ReadyOptions {
  readonly spec: PluginSpec;
  /** What was started; `undefined` for a plugin that runs already. */
  readonly running: RunningProcess | undefined;
  /** Where it was told to listen; `undefined` when only a ready line or `address` can tell. */
  readonly port: number | undefined;
  readonly openDriver: Driver;
  /** Takes what the driver has to say. */
  readonly onNotice: (message: string) => void;
  /** The launch's secret, given to the plugin alone; without one no proof is asked for. */
  readonly token: string | undefined;
  /** Resolves with the plugin's ready line, if it prints one. */
  readonly readyLine: Promise<ReadyLine>;
  /** Resolves with the ready line that offers the framed socket, which may come earlier. */
  readonly socketLine: Promise<ReadyLine>;
  /** Gives the start up; its reason is the error. */
  readonly signal: AbortSignal;
}

/** Where to ask, over what. */
interface Place {
  readonly endpoint: Endpoint;
  readonly wire: string;
  readonly openDriver: Driver;
}

/** The name of the framed socket where wires are named. */
const SOCKET = "socket";
/** How long a plugin that lists the framed socket, and already answers, may take to say where that is. */
const SOCKET_WAIT_MS = 250;
const FIRST_PAUSE_MS = 5;
/** Well under the 100 ms within which a plugin that listens is to be found. */
const LONGEST_PAUSE_MS = 50;

/**
 * Waits until the program that was started gives a right answer to ping and is still alive after it.
 * @throws {PluginError} "ready.exited", "ready.timeout", "ready.bad_line", "ready.impostor", "ready.protocol", or the signal's reason.
 */
export async function waitUntilReady(options: ReadyOptions): Promise<Connection> {
  const { spec, running, signal } = options;
  const search = new Search(options);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  try {
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    const late = new Promise<"late">((resolve) => timer = setTimeout(() => resolve("late"), spec.startTimeoutMs));
    const first = await Promise.race([search.run(), late, aborted.promise, ...(running === undefined ? [] : [running.exited])]);
    if (first === "late") throw lateError(spec, running, search.lastWrong);
    if (!("driver" in first)) throw exitError(spec, running, first, search.lastWrong);
    return first;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    search.end();
  }
}

/** Looks for the plugin again and again, at the places where it may be. */
class Search {
  /** The last answer that was not a right one. */
  lastWrong: unknown;
  readonly #options: ReadyOptions;
  #places: readonly Place[];
  #socket = Promise.withResolvers<Place | undefined>();
  #ended = new AbortController();
  #wake = () => {};

  constructor(options: ReadyOptions) {
    this.#options = options;
    const { spec, port } = options;
    const loopback = port === undefined ? [] : LOOPBACK.map((address) => tcp(address, port));
    const named = spec.attach ?? spec.address;
    this.#places = (named === undefined ? loopback : [named]).map((endpoint) => this.#place(endpoint));
  }

  /** Lets the search end; what it has opened is closed. */
  end(): void {
    this.#ended.abort();
    this.#wake();
  }

  async run(): Promise<Connection> {
    const bad = Promise.withResolvers<never>();
    this.#options.readyLine.then((line) => this.#onReadyLine(line)).catch(bad.reject);
    this.#options.socketLine.then((line) => this.#onSocketLine(line)).catch(bad.reject);
    return await Promise.race([this.#poll(), bad.promise]);
  }

  #onReadyLine(line: ReadyLine): void {
    const named = this.#place(placeFromLine(this.#options.spec, line));
    this.#places = [...this.#places.filter(({ wire }) => wire === SOCKET), named];
    this.#wake();
  }

  #onSocketLine(line: ReadyLine): void {
    requireLine(this.#options.spec, line);
    const endpoint = endpointFromAddress(line.socket ?? "");
    const place = endpoint?.kind === "unix" && this.#mayUseSocket ? { endpoint, wire: SOCKET, openDriver: openSocket } : undefined;
    if (place !== undefined) this.#places = [place, ...this.#places];
    this.#socket.resolve(place);
    this.#wake();
  }

  /** An application that brings a driver of its own for this wire wants that one. */
  get #mayUseSocket(): boolean {
    const { spec, openDriver } = this.#options;
    return spec.socket && DRIVERS.get(spec.commType) === openDriver;
  }

  #place(endpoint: Endpoint): Place {
    const { spec, openDriver } = this.#options;
    return { endpoint, wire: spec.commType, openDriver };
  }

  async #poll(): Promise<Connection> {
    for (let pause = FIRST_PAUSE_MS;; pause = Math.min(1.5 * pause, LONGEST_PAUSE_MS)) {
      for (const place of this.#places) {
        const found = await this.#look(place);
        if (found !== undefined) return await this.#preferSocket(found);
      }
      if (this.#ended.signal.aborted) return await new Promise<never>(() => {});
      await this.#pause(pause);
    }
  }

  /** A plugin may answer a moment before its ready line is here, which leads to the quicker way. */
  async #preferSocket(found: Connection): Promise<Connection> {
    const { running } = this.#options;
    if (found.wire === SOCKET || !this.#mayUseSocket || running === undefined || !found.features.includes(SOCKET_FEATURE)) return found;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), SOCKET_WAIT_MS));
    const place = await Promise.race([this.#socket.promise, late]);
    clearTimeout(timer);
    const better = place && await this.#look(place);
    if (better === undefined) return found;
    await found.driver.close();
    return better;
  }

  /** Pings one place; a wrong answer is kept and the search goes on, an impostor ends it. */
  async #look({ endpoint, wire, openDriver }: Place): Promise<Connection | undefined> {
    if (endpoint.kind === "tcp") {
      const { address, port } = placeFromUrl(endpoint.url);
      if (!(await isListening(address, port))) return undefined;
    }
    if (this.#ended.signal.aborted) return undefined;
    const { spec, onNotice, running } = this.#options;
    const { host, name: plugin, dialect, maxPayloadBytes, features } = spec;
    let driver: DriverCaller | undefined;
    try {
      driver = await openDriver(endpoint, { host, plugin, dialect, maxPayloadBytes, features, onNotice });
      const identity = await this.#identify(driver);
      if (running?.alive !== false && !this.#ended.signal.aborted) {
        return { endpoint, wire, driver, features: [...new Set([...identity.features, ...features])] };
      }
    } catch (error) {
      this.lastWrong = error;
      if (isPluginError(error) && error.code.startsWith("ready.")) {
        await driver?.close();
        throw error;
      }
    }
    await driver?.close();
    return undefined;
  }

  /** One ping; a plugin that speaks polyplug must prove that it is the one that was started, and is trusted then. */
  async #identify(driver: DriverCaller): Promise<Identity> {
    const { spec, token } = this.#options;
    const nonce = token === undefined ? undefined : createNonce();
    const identity = await this.#bounded(spec.pingTimeoutMs, async (options) => {
      if (driver.identify !== undefined) return await driver.identify(nonce, options);
      await driver.ping(options);
      return { features: [] };
    });
    if (identity.protocol === undefined && identity.proof === undefined) return identity;
    requireProtocol(spec, identity.protocol ?? PROTOCOL_VERSION);
    if (token === undefined || nonce === undefined) return identity;
    if (!equalsSecret(identity.proof ?? "", await proofFromToken(token, nonce))) throw impostor(spec);
    driver.trust?.(token);
    return identity;
  }

  /** Gives a ping its deadline; one that hangs must not keep the search from the next. */
  async #bounded(timeoutMs: number, ping: (options: CallOptions) => Promise<Identity>): Promise<Identity> {
    const controller = new AbortController();
    const late = new PluginError("caller.timeout", `It did not answer ping within ${timeoutMs} ms`);
    const timer = setTimeout(() => controller.abort(late), timeoutMs);
    const gaveUp = rejected([controller.signal, this.#ended.signal]);
    try {
      return await Promise.race([ping({ timeoutMs, signal: controller.signal }), gaveUp]);
    } finally {
      clearTimeout(timer);
      controller.abort(late);
    }
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}

/** Rejects with the reason of the first signal that fires. */
async function rejected(signals: readonly AbortSignal[]): Promise<never> {
  await new Promise<void>((resolve) => {
    for (const signal of signals) signal.addEventListener("abort", () => resolve(), { once: true });
    if (signals.some((signal) => signal.aborted)) resolve();
  });
  throw signals.find((signal) => signal.aborted)?.reason;
}

/** Loaded when a plugin offers it. */
const openSocket: Driver = async (endpoint, options) =>
  (await import("../../protocol/socket/caller.ts")).openSocketCaller(endpoint, options);

function tcp(address: string, port: number): Endpoint {
  return { kind: "tcp", url: new URL(`http://${address.includes(":") ? `[${address}]` : address}:${port}`) };
}

function placeFromLine(spec: PluginSpec, line: ReadyLine): Endpoint {
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

function requireProtocol(spec: PluginSpec, version: number): void {
  if (version === PROTOCOL_VERSION) return;
  const message = `Plugin "${spec.name}" speaks version ${version} of the contract, this host version ${PROTOCOL_VERSION}`;
  throw new PluginError("ready.protocol", message, {
    plugin: spec.name,
    hint: "Install a version of the plugin, or of the host, that shares one",
  });
}

function badLine(spec: PluginSpec, what: string): PluginError {
  return new PluginError("ready.bad_line", `The ready line of plugin "${spec.name}" cannot be used: ${what}`, { plugin: spec.name });
}

function impostor(spec: PluginSpec): PluginError {
  const message = `What answers for plugin "${spec.name}" cannot prove that it is the program that was started`;
  const hint = "Another program listens where the plugin should; end it, or give the plugin another comm_port";
  return new PluginError("ready.impostor", message, { plugin: spec.name, hint });
}
