/**
 * Holds a plugin under development: starts it, checks it, and does both anew when it is told to.
 * @module
 */
import { stat } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import process from "node:process";
import { isName } from "../../protocol/names.ts";
import type { Dialect } from "../../protocol/caller.ts";
import type { ConfigInput } from "../config/locate.ts";
import { type CheckResult, type CommType, conform, type ConformReport, type Wire } from "../conform/conform.ts";
import { formatResult, formatSummary, formatTitle } from "../conform/report.ts";
import type { PluginHandle } from "../handle.ts";
import { type Host, openHost } from "../host.ts";
import { findProgram } from "../process/program.ts";
import { type CliContext, hasColor, say, tellError } from "./context.ts";
import { createObserver, type Observer, SOCKET_ALONE } from "./observer.ts";
import { createScreen, follow, type Life } from "./screen.ts";
import { killAll } from "./session.ts";

/** What is tried. */
export interface TrialOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** What it is to speak. */
  readonly commType: CommType;
  readonly dialect?: Dialect;
  /** A command that gives back its payload. */
  readonly echo: string;
  /** Where its data folder is made. */
  readonly stateDir: string;
}

/** A plugin that was opened, whether it could be started or not. */
interface Opened {
  readonly name: string;
  readonly host: Host;
  readonly targets: Observer["targets"];
  readonly life: Life;
  readonly followed: AbortController;
}

/** A plugin under development. */
export class Trial {
  readonly #context: CliContext;
  readonly #options: TrialOptions;
  #opened: Opened | undefined;
  /** Why nothing could be opened. */
  #problem: unknown;
  /** What was found last, by wire. */
  #last: ReadonlyMap<Wire, ConformReport> = new Map();
  /** What runs now: the rounds of stopping, starting and checking, and the signal that ends the current one for the next. */
  #rounds: Promise<void> | undefined;
  #round: AbortController = new AbortController();
  #wanted = false;

  constructor(context: CliContext, options: TrialOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Stops, starts and checks it; a round that runs already is given up for this one. */
  restart(reason?: string): Promise<void> {
    if (this.#context.interrupt.signal.aborted) return Promise.resolve();
    if (reason !== undefined) say(this.#context, `${reason}; starting again`);
    this.#wanted = true;
    this.#round.abort(new Error("The plugin is started again"));
    return this.#rounds ??= this.#run().finally(() => this.#rounds = undefined);
  }

  /** Resolves when no round runs. */
  async settled(): Promise<void> {
    await this.#rounds;
  }

  /** The plugin as it was started last. A call starts it again when it has ended by itself. */
  handle(): PluginHandle {
    if (this.#opened === undefined) throw this.#problem;
    return this.#opened.host.get(this.#opened.name);
  }

  /** Checks it and shows every result; a restart gives this up. */
  async report(): Promise<void> {
    const round = this.#round.signal;
    const signal = AbortSignal.any([round, this.#context.interrupt.signal]);
    this.#last = new Map();
    try {
      await this.handle().ready({ signal });
      await this.#check(signal);
    } catch (error) {
      if (!round.aborted) throw error;
    }
  }

  /** Stops it for good. */
  async close(): Promise<void> {
    this.#wanted = false;
    this.#round.abort(new Error("The trial is over"));
    await this.#rounds;
    await this.#stop();
  }

  async #run(): Promise<void> {
    while (this.#wanted && !this.#context.interrupt.signal.aborted) {
      this.#wanted = false;
      this.#round = new AbortController();
      const signal = AbortSignal.any([this.#round.signal, this.#context.interrupt.signal]);
      try {
        await this.#stop();
        this.#opened = await this.#open();
        await this.#opened.host.start(this.#opened.name, { signal });
        await this.#check(signal);
      } catch (error) {
        this.#problem = error;
        if (!signal.aborted) this.#tellProblem(error);
      }
    }
  }

  #tellProblem(error: unknown): void {
    tellError(this.#context, error);
    say(this.#context, "It is started again when a file of its command is saved");
  }

  async #open(): Promise<Opened> {
    const { command: [exec = "", ...args], stateDir, commType, dialect } = this.#options;
    const file = await firstFile([...args]) ?? await findProgram("plugin", exec, process.cwd());
    const name = nameFrom(file);
    const { host: caller = "try" } = this.#context.options;
    const wire = { comm_type: commType, ...(dialect === undefined ? {} : { dialect }) };
    const plugin = { exec, exec_args: args, exec_file: file, cwd: process.cwd(), ...wire };
    const config: ConfigInput = {
      settings: { allow_unverified: true, state_dir: stateDir },
      plugins: { [name]: plugin },
      hosts: { [caller]: { plugins: [name] } },
    };
    const screen = createScreen(this.#context, { afterExit: "the next command starts it again" });
    screen.align([name]);
    const { drivers, targets } = createObserver();
    const host = await openHost(caller, {
      config,
      drivers,
      supervise: false, // Its author wants to see how it ends.
      // A refusal is also what the start throws.
      onLog: (record) => void (record.level === "error" && record.values["stream"] === undefined || screen.log(record)),
    });
    const refused = host.rejected.get(name);
    if (refused !== undefined) throw refused;
    this.#context.interrupt.onKill(() => killAll(host));
    const followed = new AbortController();
    return { name, host, targets, followed, life: follow(host, name, screen, { signal: followed.signal }) };
  }

  async #stop(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.host.close();
    opened?.followed.abort();
    await opened?.life.shown;
    this.#context.interrupt.onKill(undefined);
  }

  async #check(signal: AbortSignal): Promise<void> {
    if (this.#opened === undefined) return;
    const { stdout } = this.#context.io;
    const form = { color: hasColor(stdout), columns: stdout.columns ?? 80 };
    const targets = this.#opened.targets();
    if (targets[0].commType === "socket") say(this.#context, SOCKET_ALONE);
    const reports: ConformReport[] = [];
    for (const target of targets) {
      if (target !== undefined) reports.push(await conform(target, { level: "full", echo: this.#options.echo, signal }));
    }
    for (const report of reports) {
      const title = reports.length > 1 ? [formatTitle(report, form)] : [];
      const results = news(report, this.#last.get(report.commType));
      stdout.write([...title, ...results.map((result) => formatResult(result, form)), formatSummary(report, form), ""].join("\n"));
    }
    this.#last = new Map(reports.map((report) => [report.commType, report]));
  }
}

/** In the order of the contract's sections: all the first time, later what fails and what has changed. */
function news({ results }: ConformReport, last?: ConformReport): readonly CheckResult[] {
  const before = new Map(last?.results.map(({ id, kind }) => [id, kind]));
  const shown = results.filter(({ id, kind }) => kind === "failed" || before.get(id) !== kind);
  return shown.sort((left, right) => left.section - right.section);
}

/** The first argument that is a file, as the plugin's own. */
async function firstFile(args: readonly string[]): Promise<string | undefined> {
  for (const arg of args) {
    const path = resolve(process.cwd(), arg);
    const isFile = await stat(path).then((stats) => stats.isFile(), () => false);
    if (isFile) return path;
  }
  return undefined;
}

/** The file's name without its ending, if it can be a plugin's name. */
function nameFrom(file: string): string {
  const name = basename(file, extname(file)).replace(/[^A-Za-z0-9_-]/g, "-");
  return isName(name) ? name : "plugin";
}
