/**
 * The gate of a start: takes a program and its arguments, gives the command of a shell that waits for a line and then becomes the program.
 *
 * In between the host tells its guardian the process group, so that nothing runs unguarded. Id, group and stdin stay the program's; whoever
 * closes stdin instead, as the end of the host does, ends the shell.
 * @module
 */

/** What the shell writes to stderr when it could not become the program; without it the code 126 or 127 is the program's own. */
export const NOT_RUN = "polyplug: the program was not run";

const SCRIPT = [
  "IFS= read -r _ || exit 0",
  "unset PWD OLDPWD SHLVL", // What a shell adds to the environment by itself.
  // After a failed exec dash ends and runs this; bash ends without it unless told to go on.
  `trap 'echo "${NOT_RUN}" >&2' EXIT`,
  '[ -z "${BASH_VERSION-}" ] || shopt -s execfail 2>/dev/null',
  'exec "$0" "$@"',
].join("\n");

/** What opens the gate, written to its stdin. */
export const OPEN = "\n";

/** The shell's arguments. */
export function gateArgs(program: string, args: readonly string[]): string[] {
  return ["-c", SCRIPT, program, ...args];
}

/** Whether a shell hands these variables on as they are: it drops names that it could not write, and changes some that it uses itself. */
export function passesGate(env: Readonly<Record<string, string>>): boolean {
  return Object.keys(env).every((name) => /^[A-Za-z_]\w*$/.test(name) && !OF_THE_SHELL.has(name));
}

const OF_THE_SHELL = new Set(["_", "IFS", "LINENO", "OLDPWD", "OPTIND", "PPID", "PWD", "SHLVL"]);
