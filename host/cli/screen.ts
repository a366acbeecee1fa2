/**
 * Takes what plugins write and the states they go through, gives lines for a person, or with --json one object a line.
 * @module
 */
import type { Host } from "../host.ts";
import type { PluginLog } from "../logs/record.ts";
import type { PluginExit } from "../process/spawn.ts";
import type { PluginState } from "../states.ts";
import { visible, visibleJson, visibleLines } from "../visible.ts";
import { type CliContext, type CliOutput, paint, say } from "./context.ts";

/** What `follow` knows of one plugin. */
export interface Life {
  /** Resolves when the plugin does not run, once its start is over. */
  readonly ended: Promise<void>;
  /** Resolves when the signal has fired and every state until then has been shown. */
  readonly shown: Promise<void>;
  /** Says that the start is over, whether it went well or not. */
  started(): void;
}

/** Shows each change of a plugin's state. */
export function follow(host: Host, name: string, screen: Screen, signal: AbortSignal): Life {
  const ended = Promise.withResolvers<void>();
  const handle = host.get(name);
  let isStarted = false;
  const check = () => void (isStarted && !RUNNING.includes(handle.state.kind) && ended.resolve());
  const show = async () => {
    let last = handle.state;
    let runs = false;
    for await (const state of handle.states({ signal })) {
      const exit = state.kind === "idle" && last.kind === "ready" ? lastExit(host, name) : undefined;
      const ran = runs;
      if (state.kind !== "stopping") runs = RUNNING.includes(state.kind);
      if (ran || runs) screen.state(name, state, exit); // That one is stopped which does not run is no news.
      last = state;
      check();
    }
  };
  const shown = show();
  shown.catch(ended.reject);
  return {
    ended: ended.promise,
    shown,
    started: () => {
      isStarted = true;
      check();
    },
  };
}

const RUNNING: readonly PluginState["kind"][] = ["starting", "ready", "unhealthy", "restarting", "stopping"];

function lastExit(host: Host, plugin: string): PluginExit | undefined {
  return host.plugins.find(({ name }) => name === plugin)?.lastExit;
}

/** Where a person follows plugins. */
export interface Screen {
  /** Makes the names' column as wide as the longest. */
  align(names: readonly string[]): void;
  /** Shows a line that a plugin wrote, or a notice of the host. */
  log(record: PluginLog): void;
  /** Shows what became of a plugin; with how it ended, when it did by itself. */
  state(plugin: string, state: PluginState, exit: PluginExit | undefined): void;
}

/** Options of `createScreen`. */
export interface ScreenOptions {
  /** What follows when a plugin ends by itself, for the end of a sentence. */
  readonly afterExit: string;
}

/** Cyan, magenta, blue, yellow, green: red is for errors. */
const COLORS = [36, 35, 34, 33, 32] as const;

/** What plugins write goes to stdout, what is said about them to stderr; with --json all of it to stdout, one object a line. */
export function createScreen(context: CliContext, { afterExit }: ScreenOptions): Screen {
  const { io, options } = context;
  let known: readonly string[] = [];
  let width = 0;
  const record = (values: Readonly<Record<string, unknown>>) => io.stdout.write(`${visibleJson(JSON.stringify(values))}\n`);
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
      if (options.json === true) record({ time, plugin, level, message, ...values });
      else if (values["stream"] !== undefined) io.stdout.write(`${prefix(io.stdout, plugin, "|")} ${visible(message)}\n`);
      else say(context, notice(io.stderr, { level, code: String(values["code"] ?? "host"), plugin, message }));
    },
    state: (plugin, state, exit) => {
      const { kind } = state;
      if (options.json === true) return void record({ time: new Date(), plugin, state: kind, ...facts(state, exit) });
      const text = describe(state, exit, afterExit);
      if (text !== undefined) say(context, `${prefix(io.stderr, plugin, "*")} ${text}`);
    },
  };
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

function facts(state: PluginState, exit: PluginExit | undefined): Readonly<Record<string, unknown>> {
  return { ...("pid" in state ? { pid: state.pid } : {}), ...(exit === undefined ? {} : { code: exit.code, signal: exit.signal }) };
}

/** `undefined` for a failed start, of which its error has told all. */
function describe(state: PluginState, exit: PluginExit | undefined, afterExit: string): string | undefined {
  switch (state.kind) {
    case "ready":
      return state.pid === undefined ? "ready" : `ready, pid ${state.pid}`;
    case "idle":
      return exit === undefined
        ? undefined
        : `${exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`}; ${afterExit}`;
    case "unhealthy":
    case "crashed":
      return `${state.kind}: ${visible(state.reason.message)}`;
    case "restarting":
      return `starts again in ${Math.round(state.delayMs)} ms: ${visible(state.reason.message)}`;
    default:
      return state.kind;
  }
}
