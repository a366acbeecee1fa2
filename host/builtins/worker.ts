/**
 * A built-in in a thread of its own: takes the URL of a module that exports a plugin, gives an `Engine`. A worker that ends, or that
 * answers no ping, is replaced as a process is.
 * @module
 */
import process from "node:process";
import { Worker } from "node:worker_threads";
import { lostError } from "../../protocol/call_error.ts";
import { isPluginError, messageOf, PluginError } from "../../protocol/errors.ts";
import { checkHost } from "../../protocol/guard.ts";
import { HEADERS } from "../../protocol/headers.ts";
import type { LogLevel } from "../../protocol/plugin.ts";
import { SHUTDOWN } from "../../protocol/reserved.ts";
import { bounded } from "../bounded.ts";
import { isTable } from "../config/schema.ts";
import type { PluginExit } from "../process/spawn.ts";
import { exitError } from "../process/start_error.ts";
import { createTail } from "../process/tail.ts";
import { type Engine, exitOf } from "./engine.ts";
import type { EngineOptions } from "./in_process.ts";
import { type Message, PortLine } from "./port_line.ts";

/** What the worker's entry is told. */
export interface WorkerTask {
  /** The module that exports the plugin. */
  readonly module: string;
  readonly plugin: string;
  readonly host: string;
  readonly maxPayloadBytes: number;
}

/**
 * Starts a worker and waits until it has loaded its module.
 * @throws {PluginError} "spawn.not_executable" when the module does not export one plugin, "ready.exited", "ready.timeout", "exec.forbidden",
 * or the signal's reason.
 */
export async function openWorker(module: URL, options: EngineOptions, signal: AbortSignal): Promise<Engine> {
  const { spec } = options;
  const running = new RunningWorker(module, options);
  try {
    const features = await bounded(`to start plugin "${spec.name}"`, spec.name, { timeoutMs: spec.startTimeoutMs, signal }, () => {
      return running.ready;
    });
    return Object.assign(running, { features });
  } catch (error) {
    await running.end();
    if (signal.aborted) throw signal.reason;
    if (!isPluginError(error) || error.code !== "caller.timeout") throw error;
    const message = `Cannot start plugin "${spec.name}": its worker was not ready within ${spec.startTimeoutMs} ms`;
    throw new PluginError("ready.timeout", message, { plugin: spec.name, hint: "Raise start_timeout if it needs longer", cause: error });
  }
}

const ENTRY = entryUrl(import.meta.url);

/** As published it is JavaScript; and what is not a file Node's interface takes as the text of a module only. */
function entryUrl(here: string): URL {
  const entry = new URL(here.endsWith(".ts") ? "./worker_entry.ts" : "./worker_entry.js", here);
  return entry.protocol === "file:" ? entry : new URL(`data:text/javascript,import ${JSON.stringify(entry.href)}`);
}

class RunningWorker implements Omit<Engine, "features"> {
  readonly driver: PortLine;
  readonly exited: Promise<PluginExit>;
  /** Its features, once it can be called. */
  readonly ready: Promise<readonly string[]>;
  readonly #worker: Worker;
  readonly #options: EngineOptions;
  readonly #tail = createTail();
  readonly #drained = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<readonly string[]>();
  readonly #exited = Promise.withResolvers<PluginExit>();
  #ending: Promise<void> | undefined;

  constructor(module: URL, options: EngineOptions) {
    const { spec: { name, host, maxPayloadBytes }, runner } = this.#options = options;
    const task: WorkerTask = { module: module.href, plugin: name, host, maxPayloadBytes };
    const worker = this.#worker = new Worker(ENTRY, { workerData: task, name });
    const post = (message: Message, transfer: ArrayBuffer[]) => worker.postMessage(message, transfer);
    this.driver = new PortLine({ plugin: name, from: host, maxPayloadBytes, runner, post });
    this.exited = this.#exited.promise;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // Whoever waits for it is told.
    worker.on("message", (message: unknown) => this.#read(message));
    worker.on("error", (error: unknown) => this.#tail.add("stderr", messageOf(error)));
    worker.on("exit", (code: number) => this.#onExit(exitOf(this.#ending === undefined ? code : null, this.#tail.stderr())));
  }

  /** The worker says when its open calls have been answered. */
  async drain(): Promise<void> {
    void this.driver.ping().catch(() => {}); // Whether it still heeds anything shows when it is ended.
    await this.driver.exec(SHUTDOWN);
    await this.#drained.promise;
  }

  end(): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    // There terminate() does not stop a thread that never comes back to its event loop.
    if (this.driver.isSilent && "deno" in process.versions) {
      const message = "Its worker does not answer and may run on until this process ends: Deno cannot stop a thread that is in a loop";
      this.#options.log("warn", message, { code: "host.left_worker" });
    }
    await this.#worker.terminate();
    this.#onExit(exitOf(null, this.#tail.stderr()));
  }

  #onExit(exit: PluginExit): void {
    const { spec } = this.#options;
    this.#ready.reject(exitError(spec, { failure: undefined, tail: this.#tail }, exit, undefined));
    this.driver.end(lostError("its worker has ended"));
    this.#exited.resolve(exit);
  }

  #read(message: unknown): void {
    if (typeof message !== "object" || message === null || this.driver.read(message as Message)) return;
    const { kind, features, hosts, code, values, level, message: said } = message as Message;
    if (kind === "ready") this.#onReady(textsOf(features), textsOf(hosts));
    else if (kind === "failed") {
      this.#ready.reject(new PluginError(String(code), `Cannot start plugin "${this.#options.spec.name}": ${said}`));
    } else if (kind === "drained") this.#drained.resolve();
    else if (kind === "log" && isLevel(level)) this.#options.log(level, String(said), valuesOf(values));
  }

  #onReady(features: readonly string[], hosts: readonly string[]): void {
    const { host } = this.#options.spec;
    try {
      checkHost((header) => header === HEADERS.host ? host : undefined, { hosts, token: undefined });
      this.#ready.resolve(features);
    } catch (error) {
      this.#ready.reject(error);
    }
  }
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function isLevel(value: unknown): value is LogLevel {
  return value === "debug" || value === "info" || value === "warn" || value === "error";
}

/** The plugin's code may post anything. */
function valuesOf(json: unknown): Readonly<Record<string, unknown>> {
  try {
    const values: unknown = JSON.parse(String(json));
    return isTable(values) ? values : {};
  } catch {
    return {};
  }
}
