/**
 * One plugin of the run: takes its handle, keeps what was done to it and where it was when, and does the next thing to it.
 * @module
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, isPluginError, type PluginHandle, type PluginState } from "../../host/mod.ts";
import { bytes } from "../support.ts";
import type { Random } from "./random.ts";
import type { Cause, FaultKind } from "./rules.ts";

interface Fault {
  readonly kind: FaultKind;
  readonly from: number;
  /** The launch that it was done to; a later one that is ready ends it. */
  readonly launch: number;
  to: number;
}

interface Seen {
  readonly kind: PluginState["kind"];
  readonly from: number;
}

/** What a subject needs. */
export interface SubjectOptions {
  readonly host: Host;
  readonly name: string;
  readonly folder: string;
  readonly marker: string;
}

/** What is found late, for example that a connection is gone. */
const MARGIN_MS = 400;
const GARBAGE_MS = 3000;
const REVIVE_MS = 300;

export class Subject {
  readonly handle: PluginHandle;
  readonly errors: string[] = [];
  readonly #options: SubjectOptions;
  readonly #faults: Fault[] = [];
  readonly #states: Seen[] = [];
  readonly #ended = new AbortController();
  readonly #watch: Promise<void>;
  #launch = 0;
  readonly #actions = new Set<Promise<void>>();

  constructor(options: SubjectOptions) {
    this.#options = options;
    this.handle = options.host.get(options.name);
    this.#watch = this.#follow();
  }

  get name(): string {
    return this.#options.name;
  }

  /** How often each thing was done. */
  get counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { kind } of [...this.#faults, ...this.#states.map(({ kind }) => ({ kind: `is ${kind}` }))]) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    return counts;
  }

  /** What may explain an error of a call that was open then. */
  causes(began: number, ended: number): Set<Cause> {
    const faults = this.#faults.filter(({ from, to }) => from <= ended + MARGIN_MS && to + MARGIN_MS >= began);
    const states = this.#states.filter(({ from }, index) => {
      const to = this.#states[index + 1]?.from ?? Infinity;
      return from <= ended && to + MARGIN_MS >= began;
    });
    return new Set<Cause>([...faults.map(({ kind }) => kind), ...states.map(({ kind }) => `is ${kind}` as const)]);
  }

  /** What it took longest to be well again after, and how many milliseconds. */
  get worst(): readonly [kind: FaultKind, ms: number] {
    const all = this.#faults.map(({ kind, from, to }) => [kind, Math.round(to - from)] as const);
    return all.reduce<readonly [FaultKind, number]>((worst, each) => each[1] > worst[1] ? each : worst, ["kill", 0]);
  }

  /** Ends what was done to it: it must be ready again, and echo. */
  async settle(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    await Promise.all(this.#actions);
    for (;;) {
      try {
        await this.#options.host.start(this.name);
        await this.handle.exec("chaos.pid", undefined, { timeoutMs: 2000, retry: "idempotent" });
        break;
      } catch (error) {
        if (performance.now() > deadline) throw new Error(`"${this.name}" is still not well after ${timeoutMs} ms`, { cause: error });
        await sleep(50);
      }
    }
    this.#ended.abort();
    await this.#watch;
  }

  /** Does something to it, if there is a process to do it to. */
  act(random: Random): void {
    const kind = random.pick(KINDS);
    const [size, ms, choice] = [random.between(1, 40), random.between(100, 900), random.next()];
    const { state } = this.handle;
    const pid = state.kind === "ready" ? state.pid : undefined;
    // What the host is asked for, it is asked for in any state.
    if (pid === undefined && kind !== "stop" && kind !== "reload") return;
    const fault: Fault = {
      kind,
      from: performance.now(),
      launch: this.#launch,
      to: kind === "garbage" ? performance.now() + GARBAGE_MS : Infinity,
    };
    this.#faults.push(fault);
    const doing = this.#do(kind, { pid: pid ?? 0, ms, choice, garbage: random.bytes(size) }, fault).finally(() =>
      this.#actions.delete(doing)
    );
    this.#actions.add(doing);
  }

  async #do(kind: FaultKind, how: { pid: number; ms: number; choice: number; garbage: Uint8Array }, fault: Fault): Promise<void> {
    const { host, folder } = this.#options;
    const startFault = { "slow start": "slow", "bad start": "exit", "port thief": "thief" }[kind as string];
    if (startFault !== undefined) writeFileSync(`${folder}/${this.name}.start`, `${startFault} ${how.ms}`);
    if (startFault !== undefined || kind === "kill") this.#signal(how.pid, "SIGKILL");
    else if (kind === "pause") {
      this.#signal(how.pid, "SIGSTOP");
      // Half of them go on before anybody has noticed.
      if (how.choice < 0.5) {
        await sleep(how.ms);
        this.#signal(how.pid, "SIGCONT");
        fault.to = Math.min(fault.to, performance.now());
      }
    } else if (kind === "stop") {
      await this.#typed(host.stop(this.name, how.choice < 0.5 ? { graceMs: 0 } : {}), []);
      await sleep(how.ms);
      await this.#typed(host.start(this.name, { timeoutMs: 10_000 }), ["ready.", "caller.timeout", "host.stopped"]);
    } else if (kind === "reload") {
      await this.#typed(host.reload(this.name), ["ready.", "host.stopped", "host.crashed"]);
      fault.to = performance.now();
    } else {await this.handle.exec(`chaos.${kind}`, kind === "garbage" ? how.garbage : bytes(""), { timeoutMs: 500, retry: "never" }).catch(
        () => {},
      );}
  }

  /** A number of a process that has ended may be somebody else's. */
  #signal(pid: number, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "latin1").includes(this.#options.marker)) process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }

  async #typed(action: Promise<unknown>, allowed: readonly string[]): Promise<void> {
    try {
      await action;
    } catch (error) {
      const code = isPluginError(error) ? error.code : "no code";
      if (!allowed.some((each) => code.startsWith(each))) this.errors.push(`${this.name}: ${code}: ${error}`);
    }
  }

  async #follow(): Promise<void> {
    for await (const state of this.handle.states({ signal: this.#ended.signal })) {
      const now = performance.now();
      this.#states.push({ kind: state.kind, from: now });
      if (state.kind === "ready") {
        this.#launch = state.launch;
        // What was to go wrong at a start, and a reload's process came before that, does not go wrong any more.
        rmSync(`${this.#options.folder}/${this.name}.start`, { force: true });
        for (const fault of this.#faults) if (fault.launch < state.launch) fault.to = Math.min(fault.to, now);
      }
      if (state.kind === "crashed") this.#actions.add(this.#revive());
    }
  }

  async #revive(): Promise<void> {
    await sleep(REVIVE_MS);
    await this.#typed(this.#options.host.start(this.name), ["ready.", "host."]);
  }
}

const KINDS: readonly FaultKind[] = [
  "kill",
  "kill",
  "exit",
  "pause",
  "hang",
  "garbage",
  "garbage",
  "slow start",
  "bad start",
  "port thief",
  "reload",
  "reload",
  "stop",
];
