/**
 * Why a start failed, told with all that is known: exit code or signal, the plugin's last words, the last wrong answer to ping.
 * @module
 */
import { isPluginError, messageOf, PluginError } from "../../protocol/errors.ts";
import type { PluginSpec } from "../discover.ts";
import type { PluginExit, RunningProcess } from "./spawn.ts";

/** What is asked of what was started. */
type Started = Pick<RunningProcess, "failure" | "tail">;

/** The error of a program that ended before it was ready. */
export function exitError(spec: PluginSpec, running: Started | undefined, exit: PluginExit, lastWrong: unknown): PluginError {
  if (running?.failure !== undefined) return running.failure;
  const how = exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
  return startError("ready.exited", `it ${how} before it was ready`, spec, running, lastWrong, "Its own output says why");
}

/** The error of a program that gave no right answer in time. */
export function lateError(spec: PluginSpec, running: RunningProcess | undefined, lastWrong: unknown): PluginError {
  const hint = spec.attach === undefined
    ? "Raise start_timeout if it needs longer, and check that it listens on the port that it is given"
    : "Start it, or correct attach; this host does not start it";
  return startError("ready.timeout", `it did not answer ping within ${spec.startTimeoutMs} ms`, spec, running, lastWrong, hint);
}

function startError(
  code: string,
  what: string,
  spec: PluginSpec,
  running: Started | undefined,
  lastWrong: unknown,
  hint: string,
): PluginError {
  const parts = [
    `Cannot ${spec.attach === undefined ? "start" : "reach"} plugin "${spec.name}": ${what}`,
    ...section("stderr", running?.tail.stderr() ?? ""),
    ...section("stdout", running?.tail.stdout() ?? ""),
    ...section("last answer to ping", wrongAnswer(lastWrong)),
  ];
  return new PluginError(code, parts.join("\n"), { plugin: spec.name, hint, cause: lastWrong });
}

function wrongAnswer(error: unknown): string {
  if (error === undefined) return "";
  return isPluginError(error) ? `${error.message} (${error.code})` : messageOf(error);
}

function section(title: string, text: string): readonly string[] {
  return text === "" ? [] : [`  ${title}:`, ...text.split("\n").map((line) => `    ${line}`)];
}
