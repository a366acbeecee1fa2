/**
 * Gives any piece of work a deadline: takes a function, gives its result, or the error of the deadline or of the caller's own signal.
 * @module
 */
import { PluginError } from "../protocol/errors.ts";
import { MAX_TIMER_MS } from "../protocol/deadlines.ts";
import { isLateAnswer, timeoutError } from "./late.ts";

/**
 * Runs something until its deadline, whatever it does with the signal that it gets.
 * @throws {PluginError} "caller.timeout", "caller.aborted", or what `run` throws.
 */
export function bounded<T>(
  what: string,
  plugin: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  run: (left: () => number, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeoutMs, signal } = options;
  const controller = new AbortController();
  const deadline = performance.now() + timeoutMs;
  return new Promise<T>((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (error: PluginError) => {
      finish();
      reject(error);
      controller.abort(error);
    };
    const onAbort = () => {
      giveUp(new PluginError("caller.aborted", `The call ${what} was aborted`, { plugin, cause: signal?.reason }));
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeoutMs <= MAX_TIMER_MS) timer = setTimeout(() => giveUp(timeoutError(what, plugin, timeoutMs)), timeoutMs);
    run(() => deadline - performance.now(), controller.signal).then((value) => {
      finish();
      resolve(value);
    }, (error) => {
      finish();
      reject(isLateAnswer(error, deadline) ? timeoutError(what, plugin, timeoutMs) : error);
    });
  });
}
