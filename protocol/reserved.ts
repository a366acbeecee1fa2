/**
 * The framework's own commands, `polyplug.*`, and the features under which a plugin says that it knows them.
 * @module
 */

/** The version of the contract that this code speaks. */
export const PROTOCOL_VERSION = 1;

/** Gives what the plugin says of itself as JSON; feature `info`. */
export const INFO = "polyplug.info";
/** Lets the plugin end in peace: answered at once, open calls finish, the program exits; feature `shutdown`. */
export const SHUTDOWN = "polyplug.shutdown";

/** What our own plugins know beyond ping and exec. */
export const FEATURES: readonly string[] = ["cancel", "info", "raw", "shutdown"];

/** Whether a command belongs to the framework; applications and plugins cannot send these. */
export function isReserved(command: string): boolean {
  return command === "polyplug" || command.startsWith("polyplug.");
}
