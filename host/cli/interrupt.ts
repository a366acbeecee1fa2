/**
 * Takes the process's signals, gives an `Interrupt`: the first one ends the command in peace, the second at once.
 * @module
 */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { Interrupt } from "./context.ts";

/** An interrupt that listens to the process, until `end`. */
export interface ProcessInterrupt extends Interrupt {
  /** Leaves the signals to the process again. */
  end(): void;
}

/** Listens to the process's signals. */
export function watchInterrupts(): ProcessInterrupt {
  const controller = new AbortController();
  let kill: (() => void) | undefined;
  let reload: (() => void) | undefined;
  let hadTerminal = false;
  const onSignal = () => {
    if (controller.signal.aborted) kill?.();
    else controller.abort(new Error("The command was interrupted"));
  };
  const onHangup = () => {
    const isTold = reload !== undefined && hadTerminal === hasTerminal() && !controller.signal.aborted;
    if (isTold) reload?.();
    else onSignal();
  };
  const listeners = [["SIGINT", onSignal], ["SIGTERM", onSignal], ["SIGHUP", onHangup]] as const;
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    signal: controller.signal,
    onKill: (next) => kill = next,
    onHangup: (next) => {
      hadTerminal = hasTerminal();
      reload = process.platform === "win32" ? undefined : next; // There it says that the console was closed.
    },
    end: () => listeners.forEach(([signal, listener]) => process.removeListener(signal, listener)),
  };
}

/** Whether a terminal controls this process; when that is closed, it sends SIGHUP too. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
