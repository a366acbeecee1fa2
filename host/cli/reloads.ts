/**
 * Takes that a file was saved or the configuration changed while plugins run, reloads those that it concerns, and says what came of it.
 * @module
 */
import { createHash } from "node:crypto";
import { messageOf } from "../../protocol/errors.ts";
import { checkConfig, type HostConfig, parseConfigOf } from "../config/parse.ts";
import { BUILTIN } from "../config/schema.ts";
import { readPluginConfig } from "../config/source.ts";
import { discoverPlugin, type PluginSpec } from "../discover.ts";
import type { Host } from "../host.ts";
import { inTurns } from "../running_host.ts";
import { findConfig } from "./configuration.ts";
import { type CliContext, say, tellError } from "./context.ts";
import { visible } from "../visible.ts";
import type { Life, Screen } from "./screen.ts";

/** What runs. */
export interface ReloadsOptions {
  readonly host: Host;
  readonly screen: Screen;
  readonly plugins: readonly PluginSpec[];
  readonly lives: ReadonlyMap<string, Life>;
  /** Whether these are all plugins of the host, so that one that comes to its table is missed. */
  readonly all: boolean;
  /** Gets the plugins that a save has reloaded: they are under development from then on. */
  readonly developed: Set<string>;
  /** Called when plugins are configured anew, before they are reloaded. */
  readonly onConfigured: () => Promise<void>;
}

/** Why something is reloaded. */
export interface Reason {
  /** For people. */
  readonly why: string;
  /** Whether somebody asked for it; else a file was saved. */
  readonly asked: boolean;
}

/** What a plugin's configuration is: two are equal when it would be started alike. */
type Mark = string;

/** The reloads of the plugins of one `run`. */
export class Reloads {
  readonly #context: CliContext;
  readonly #options: ReloadsOptions;
  readonly #specs: Map<string, PluginSpec>;
  /** The configuration that each runs with, and the one that was tried last. */
  readonly #applied = new Map<string, Mark>();
  readonly #tried = new Map<string, Mark>();
  readonly #running = new Map<string, AbortController>();
  readonly #missing = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  private constructor(context: CliContext, options: ReloadsOptions) {
    this.#context = context;
    this.#options = options;
    this.#specs = new Map(options.plugins.map((spec) => [spec.name, spec]));
  }

  /** Takes the plugins as they are now. */
  static async open(context: CliContext, options: ReloadsOptions): Promise<Reloads> {
    const reloads = new Reloads(context, options);
    for (const spec of options.plugins) reloads.#note(spec.name, await markOf(spec));
    return reloads;
  }

  /** The plugins as they were configured last. */
  get plugins(): readonly PluginSpec[] {
    return [...this.#specs.values()];
  }

  /** A file of the plugin was saved. */
  async saved(name: string, why: string): Promise<void> {
    const spec = this.#specs.get(name);
    if (spec !== undefined) this.#tried.set(name, await markOf(spec));
    await this.#reload(name, { why, asked: false });
  }

  /** A reload of it that is under way is given up for this one. */
  async #reload(name: string, { why, asked }: Reason): Promise<void> {
    const { host, screen, lives, developed } = this.#options;
    if (!asked) developed.add(name);
    const controller = new AbortController();
    this.#running.get(name)?.abort(new Error("It is reloaded again"));
    this.#running.set(name, controller);
    const signal = AbortSignal.any([controller.signal, this.#context.interrupt.signal]);
    if (signal.aborted) return;
    screen.note(name, `${why}: reloading`);
    lives.get(name)?.begun();
    try {
      await host.reload(name, { signal });
      if (host.get(name).state.kind === "stopped") await host.start(name, { signal });
      const mark = this.#tried.get(name);
      if (mark !== undefined) this.#applied.set(name, mark);
    } catch (error) {
      if (!signal.aborted) this.#tellFailure(name, error);
    } finally {
      if (this.#running.get(name) === controller) this.#running.delete(name);
      lives.get(name)?.settled();
    }
  }

  /**
   * Reads the configuration again and reloads the plugins for which it says something else. One that failed is tried again with
   * the same when somebody asks for it.
   */
  configure(reason: Reason): Promise<void> {
    return this.#last = this.#last.then(() => this.#configure(reason)).catch((error) => tellError(this.#context, error));
  }

  async #configure(reason: Reason): Promise<void> {
    const { host } = this.#options;
    const source = await findConfig(this.#context);
    const { config } = checkConfig(source); // A file that is no TOML is told once.
    const before = reason.asked ? this.#applied : this.#tried;
    const changed: string[] = [];
    for (const name of this.#specs.keys()) {
      const [spec, mark] = await specAndMark(() => discoverPlugin(parseConfigOf(source, name), host.name, name));
      if (mark === before.get(name)) continue;
      if (spec !== undefined) this.#specs.set(name, spec);
      this.#tried.set(name, mark);
      changed.push(name);
    }
    this.#tellMissing(config);
    if (changed.length === 0) say(this.#context, `${visible(reason.why)}: no plugin that runs here is configured anew`);
    else await this.#options.onConfigured();
    await inTurns(changed, (name) => this.#apply(name, reason));
  }

  async #apply(name: string, reason: Reason): Promise<void> {
    const spec = this.#specs.get(name);
    if (spec?.enabled !== false) return await this.#reload(name, reason);
    this.#applied.set(name, this.#tried.get(name) ?? "");
    this.#options.screen.note(name, `${reason.why}: it is no longer enabled`);
    await this.#options.host.stop(name);
  }

  #note(name: string, mark: Mark): void {
    this.#applied.set(name, mark);
    this.#tried.set(name, mark);
  }

  #tellFailure(name: string, error: unknown): void {
    const { host, screen } = this.#options;
    tellError(this.#context, error);
    screen.note(name, host.get(name).state.kind === "ready" ? "not reloaded; the old process serves on" : "not reloaded");
  }

  #tellMissing(config: HostConfig): void {
    const { all, host } = this.#options;
    if (!all) return;
    for (const name of config.hosts.get(host.name) ?? []) {
      const table = config.plugins.get(name);
      if (this.#specs.has(name) || this.#missing.has(name) || table?.enabled !== true || table.comm_type === BUILTIN) continue;
      this.#missing.add(name);
      say(this.#context, `Plugin "${name}" does not run here; start polyplug run again to have it`);
    }
  }
}

async function specAndMark(read: () => PluginSpec): Promise<readonly [spec: PluginSpec | undefined, mark: Mark]> {
  try {
    const spec = read();
    return [spec, await markOf(spec)];
  } catch (error) {
    return [undefined, `error ${messageOf(error)}`]; // The reload throws it too, and tells it.
  }
}

/** What `config` points to is part of it. */
async function markOf(spec: PluginSpec): Promise<Mark> {
  const config = await readPluginConfig(spec).catch((error) => messageOf(error));
  return createHash("sha256").update(JSON.stringify(spec)).update(config).digest("hex");
}
