/**
 * Takes what plugins write and the states they go through, gives lines for a person, or with --json one object a line.
 * @module
 */
import type { PluginError } from "../../protocol/errors.ts";
import type { Host } from "../host.ts";
import type { PluginLog } from "../logs/record.ts";
import type { PluginExit } from "../process/spawn.ts";
import type { PluginState } from "../states.ts";
import { visible, visibleJson, visibleLines } from "../visible.ts";
import { type CliContext, type CliOutput, paint, say } from "./context.ts";
import { formatLog } from "./log_line.ts";
import { createOverflow } from "./overflow.ts";

/** What `follow` knows of one plugin. */
export interface Life {
  /** Whether the plugin does not run and nobody tries to start it. */
  readonly isOver: boolean;
  /** Resolves when the signal has fired and every state until then has been shown. */
  readonly shown: Promise<void>;
  /** A start or reload begins, which the caller awaits. */
  begun(): void;
  /** It has ended, well or not. */
  settled(): void;
}

/** Options of `follow`. */
export interface FollowOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called after each change. */
  readonly onChange?: () => void;
}

/** Shows each change of a plugin's state. */
export function follow(host: Host, name: string, screen: Screen, { signal, onChange = () => {} }: FollowOptions): Life {
  const handle = host.get(name);
  let begunAt: number | undefined;
  let awaited = 0;
  const show = async () => {
    let last = handle.state;
    let lastExit = exitOf(host, name);
    let runs = false;
    for await (const state of handle.states({ signal })) {
      const ran = runs;
      if (state.kind !== "stopping") runs = RUNNING.includes(state.kind);
      if (state.kind === "starting") begunAt = performance.now();
      const afterMs = state.kind === "ready" && begunAt !== undefined ? Math.round(performance.now() - begunAt) : undefined;
      const exit = state.kind === "idle" && last.kind === "ready" && exitOf(host, name) !== lastExit ? exitOf(host, name) : undefined;
      // That one is stopped which does not run is no news, and of a failed start its error tells all.
      if ((ran || runs) && !(state.kind === "idle" && last.kind === "starting")) screen.state(name, state, { afterMs, exit });
      if (state.kind === "ready") [begunAt, lastExit] = [undefined, exitOf(host, name)];
      last = state;
      onChange();
    }
  };
  return {
    get isOver() {
      return awaited === 0 && OVER.includes(handle.state.kind);
    },
    shown: show(),
    begun: () => {
      awaited += 1;
      begunAt = performance.now();
    },
    settled: () => {
      awaited -= 1;
      onChange();
    },
  };
}

const RUNNING: readonly PluginState["kind"][] = ["starting", "ready", "unhealthy", "restarting", "stopping"];
const OVER: readonly PluginState["kind"][] = ["idle", "stopped", "crashed", "inactive"];

function exitOf(host: Host, plugin: string): PluginExit | undefined {
  return host.plugins.find(({ name }) => name === plugin)?.lastExit;
}

/** What is known of a change beside the state. */
export interface ChangeFacts {
  /** How long the start took that has led to it. */
  readonly afterMs?: number | undefined;
  /** How the process ended, when it did by itself. */
  readonly exit?: PluginExit | undefined;
}

/** Where a person follows plugins. */
export interface Screen {
  /** Makes the names' column as wide as the longest. */
  align(names: readonly string[]): void;
  /** Shows a line that a plugin wrote, or a notice of the host. */
  log(record: PluginLog): void;
  /** Shows what became of a plugin. */
  state(plugin: string, state: PluginState, facts: ChangeFacts): void;
  /** Says what is done with a plugin, and why. */
  note(plugin: string, text: string): void;
}

/** Options of `createScreen`. */
export interface ScreenOptions {
  /** What follows when a plugin does not run, though it may, for the end of a sentence. */
  readonly afterExit: string;
}

/** Cyan, magenta, blue, yellow, green: red is for errors. */
const COLORS = [36, 35, 34, 33, 32] as const;

/** What plugins write goes to stdout, what is said about them to stderr; with --json all of it to stdout, one object a line. */
export function createScreen(context: CliContext, { afterExit }: ScreenOptions): Screen {
  const { io, options } = context;
  let known: readonly string[] = [];
  let width = 0;
  const json = (values: Readonly<Record<string, unknown>>) => `${visibleJson(JSON.stringify(values))}\n`;
  const writeOutput = createOverflow(context);
  const prefix = (output: typeof io.stdout, plugin: string, sign: string) => {
    const color = COLORS[Math.max(0, known.indexOf(plugin)) % COLORS.length] ?? COLORS[0];
    return paint(output, color, `${visible(plugin).padEnd(width)} ${sign}`);
  };
  return {
    align: (names) => {
      known = names;
      width = Math.max(...names.map((name) => name.length));
    },
    log: ({ time, plugin, level, message, values }) => {
      const isOutput = values["stream"] !== undefined;
      if (options.json === true) writeOutput(json({ time, plugin, level, message, ...(isOutput ? apart(values) : values) }));
      else if (isOutput) writeOutput(`${prefix(io.stdout, plugin, "|")} ${formatLog(io.stdout, { level, message, values })}\n`);
      else say(context, notice(io.stderr, { level, code: String(values["code"] ?? "host"), plugin, message }));
    },
    state: (plugin, state, facts) => {
      const { kind } = state;
      if (options.json === true) {
        return void io.stdout.write(json({ time: new Date(), plugin, state: kind, ...stateAsData(state, facts) }));
      }
      const text = describe(plugin, state, facts, afterExit);
      const color = STATE_COLORS[kind];
      say(context, `${prefix(io.stderr, plugin, "*")} ${color === undefined ? text : paint(io.stderr, color, text)}`);
    },
    note: (plugin, text) => {
      if (options.json === true) io.stdout.write(json({ time: new Date(), plugin, note: text }));
      else say(context, `${prefix(io.stderr, plugin, "*")} ${visible(text)}`);
    },
  };
}

/** Yellow for what mends itself, red for what does not. */
const STATE_COLORS: Readonly<Partial<Record<PluginState["kind"], number>>> = { restarting: 33, unhealthy: 33, crashed: 31 };

/** What a plugin names as it likes stands apart, so that it cannot pass for what the host says of it. */
function apart({ stream, ...values }: PluginLog["values"]): Readonly<Record<string, unknown>> {
  return { stream, ...(Object.keys(values).length === 0 ? {} : { values }) };
}

interface Notice extends Pick<PluginLog, "level" | "plugin" | "message"> {
  readonly code: string;
}

function notice(output: CliOutput, { level, code, plugin, message }: Notice): string {
  const head = `${level === "warn" ? "warning" : level}[${visible(code)}]:`;
  return `${paint(output, level === "error" ? 31 : 33, head)} ${
    visibleLines(message.includes(plugin) ? message : `${plugin}: ${message}`)
  }`;
}

function stateAsData(state: PluginState, { afterMs, exit }: ChangeFacts): Readonly<Record<string, unknown>> {
  return {
    ...("pid" in state ? { pid: state.pid } : {}),
    ...(afterMs === undefined ? {} : { afterMs }),
    ...("delayMs" in state ? { delayMs: Math.round(state.delayMs) } : {}),
    ...("reason" in state ? { reason: { code: state.reason.code, message: state.reason.message } } : {}),
    ...(exit === undefined ? {} : { code: exit.code, signal: exit.signal }),
  };
}

/** One line, but for a plugin that was given up, which needs somebody. */
function describe(plugin: string, state: PluginState, { afterMs, exit }: ChangeFacts, afterExit: string): string {
  switch (state.kind) {
    case "ready":
      return ["ready", ...(state.pid === undefined ? [] : [`pid ${state.pid}`]), ...(afterMs === undefined ? [] : [`after ${afterMs} ms`])]
        .join(", ");
    case "idle":
      return `${exit === undefined ? "not needed" : ending(exit)}; ${afterExit}`;
    case "unhealthy":
      return `unhealthy: ${why(plugin, state.reason)}`;
    case "restarting":
      return `restarting in ${Math.round(state.delayMs)} ms: ${why(plugin, state.reason)}`;
    case "crashed":
      return `crashed, it is given up: ${why(plugin, state.reason)}\n  hint: ${visible(state.reason.hint ?? CRASH_HINT)}`;
    default:
      return state.kind;
  }
}

const CRASH_HINT = "Its own output says why; restart in its configuration says how often it is tried";

function ending({ code, signal }: PluginExit): string {
  return signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
}

/** The first line of a reason; what follows there the plugin has written, and it was shown then. The plugin's name stands before. */
function why(plugin: string, { message }: PluginError): string {
  const [first = ""] = message.split("\n");
  return visible(first.replace(`Plugin "${plugin}" `, "it "));
}
