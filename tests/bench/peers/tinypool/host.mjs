/**
 * tinypool: a thread in the same process; bytes are copied as structured clones.
 * @module
 */
// @ts-ignore: only --peers installs it
import Tinypool from "tinypool";

/** Starts the thread. */
export function open() {
  const pool = new Tinypool({ filename: new URL("./plugin.mjs", import.meta.url).href, minThreads: 1, maxThreads: 1 });
  return { call: (payload) => pool.run(payload), close: () => pool.destroy() };
}
