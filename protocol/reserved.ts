/**
 * The framework's own commands, `polyplug.*`, and the features under which a plugin says that it knows them.
 * @module
 */

import { commandProblem } from "./names.ts";

/** The version of the contract that this code speaks. */
export const PROTOCOL_VERSION = 1;

/** Gives what the plugin says of itself as JSON; feature `info`. */
export const INFO = "polyplug.info";
/** Lets the plugin end in peace: answered at once, open calls finish, the program exits; feature `shutdown`. */
export const SHUTDOWN = "polyplug.shutdown";

/** Gives the plugin its configuration, before any other call; feature `init`. */
export const INIT = "polyplug.init";
/** Brings an event; the answer acknowledges it; feature `event`. */
export const EVENT = "polyplug.event";
/** Says which parts of the plugin are not well, as JSON; feature `health`. */
export const HEALTH = "polyplug.health";

/** The host's service by which plugins publish events. */
export const PUBLISH = "events.publish";

/** What our own plugins know beyond ping and exec; one that can tell its health says `health` too, one that listens to events `event`. */
export const FEATURES: readonly string[] = ["cancel", "info", "init", "raw", "shutdown", "stream"];

/** That commands may answer with a stream. */
export const STREAM_FEATURE = "stream";

/** That the ready line offers the framed socket. */
export const SOCKET_FEATURE = "socket";

/** Whether a command belongs to the framework; applications and plugins cannot send these. */
export function isReserved(command: string): boolean {
  return command === "polyplug" || command.startsWith("polyplug.");
}

/** Why an application cannot send a command, as a sentence, or `undefined` when it can. */
export function sendingProblem(command: string): string | undefined {
  const problem = commandProblem(command);
  if (problem !== undefined) return `The command ${JSON.stringify(command)} cannot be sent: it ${problem}`;
  return isReserved(command) ? `The command "${command}" cannot be sent: "polyplug." belongs to the framework` : undefined;
}
