/**
 * Stage 5, ready: takes a `RunningProcess` and where it should listen, gives a `Connection` to it once it answers.
 * @module
 */
import type { DriverCaller, DriverOptions } from "../../protocol/caller.ts";
import type { Endpoint } from "../../protocol/endpoint.ts";
import { isPluginError } from "../../protocol/errors.ts";
import type { ReadyLine } from "../../protocol/ready_line.ts";
import type { Runner } from "../../protocol/server.ts";
import { SOCKET_FEATURE } from "../../protocol/reserved.ts";
import type { PluginSpec } from "../discover.ts";
import { identify } from "./identify.ts";
import { SOCKET } from "../drivers.ts";
import { mayUseSocket, type Place, placeFromLine, placesFromSpec, socketFromLine, type WireDrivers } from "./places.ts";
import { isListening, placeFromUrl } from "./ports.ts";
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
export interface ReadyOptions extends WireDrivers {
  readonly spec: PluginSpec;
  /** What was started; `undefined` for a plugin that runs already. */
  readonly running: RunningProcess | undefined;
  /** Where it was told to listen; `undefined` when only a ready line or `address` can tell. */
  readonly port: number | undefined;
  /** Runs what the plugin calls over its pipes. */
  readonly incoming?: Runner | undefined;
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
  /** The driver of its pipes, which there is one of as long as the program runs. */
  #onPipes: DriverCaller | undefined;
  #ended = new AbortController();
  #wake = () => {};

  constructor(options: ReadyOptions) {
    this.#options = options;
    this.#places = placesFromSpec(options.spec, { port: options.port, channel: options.running?.channel }, options.openDriver);
  }

  /** Lets the search end; what it has opened is closed. */
  end(): void {
    this.#ended.abort();
    this.#wake();
    void this.#onPipes?.close();
  }

  async run(): Promise<Connection> {
    const bad = Promise.withResolvers<never>();
    this.#options.readyLine.then((line) => this.#onReadyLine(line)).catch(bad.reject);
    this.#options.socketLine.then((line) => this.#onSocketLine(line)).catch(bad.reject);
    return await Promise.race([this.#poll(), bad.promise]);
  }

  #onReadyLine(line: ReadyLine): void {
    const { spec, openDriver } = this.#options;
    const named = placeFromLine(spec, line, openDriver);
    this.#places = [...this.#places.filter(({ wire }) => wire === SOCKET), named];
    this.#wake();
  }

  #onSocketLine(line: ReadyLine): void {
    const { spec } = this.#options;
    const place = socketFromLine(spec, line, this.#options);
    if (place !== undefined) this.#places = [place, ...this.#places];
    this.#socket.resolve(place);
    this.#wake();
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
    const { spec, running, openSocket } = this.#options;
    if (found.wire === SOCKET || running === undefined || !mayUseSocket(spec, this.#options)) return found;
    // Who brings a driver for it wants to see it, whatever the plugin lists.
    if (openSocket === undefined && !found.features.includes(SOCKET_FEATURE)) return found;
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
    const { spec, token, running } = this.#options;
    let driver = this.#onPipes;
    try {
      driver ??= await openDriver(endpoint, this.#driverOptions());
      if (endpoint.kind === "pipes") this.#onPipes = driver;
      const identity = await identify(driver, { spec, token, signal: this.#ended.signal });
      if (running?.alive !== false && !this.#ended.signal.aborted) {
        this.#onPipes = undefined;
        return { endpoint, wire, driver, features: [...new Set([...identity.features, ...spec.features])] };
      }
    } catch (error) {
      this.lastWrong = error;
      if (isPluginError(error) && error.code.startsWith("ready.")) {
        await driver?.close();
        throw error;
      }
    }
    // Over the pipes the program may answer later, and closing them would end it.
    if (endpoint.kind !== "pipes" || this.#ended.signal.aborted) await driver?.close();
    return undefined;
  }

  #driverOptions(): DriverOptions {
    const { spec: { host, name: plugin, dialect, maxPayloadBytes, features }, onNotice, incoming } = this.#options;
    return { host, plugin, dialect, maxPayloadBytes, features, onNotice, ...(incoming === undefined ? {} : { incoming }) };
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
