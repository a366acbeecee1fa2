/**
 * Keeps stdout for the protocol of stdio: sends what the author's code writes there to stderr, and gives what writes to stdout from now on.
 * @module
 */
import ownConsole, { Console } from "node:console";
import process from "node:process";

/** Writes to stdout, whatever `process.stdout.write` is. */
export type WriteStdout = (chunk: Uint8Array, callback: (error?: Error | null) => void) => boolean;

/**
 * Redirects `console` and `process.stdout.write` for the rest of this process. What writes to the file descriptor itself, a child process
 * that inherits it for example, cannot be kept away.
 */
export function keepStdout(): WriteStdout {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout) as WriteStdout;
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  // On Deno and Bun the console does not write through process.stdout.
  const toStderr = new Console({ stdout: stderr, stderr });
  Object.assign(ownConsole, Object.fromEntries(Object.entries(toStderr).filter(([, method]) => typeof method === "function")));
  return write;
}
