/**
 * Takes the process's signals, gives an `Interrupt`: the first one ends the command in peace, the second at once.
 * @module
 */
import process from "node:process";
import type { Interrupt } from "./context.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** An interrupt that listens to the process, until `end`. */
export interface ProcessInterrupt extends Interrupt {
  /** Leaves the signals to the process again. */
  end(): void;
}

/** Listens to the process's signals. */
export function watchInterrupts(): ProcessInterrupt {
  const controller = new AbortController();
  let kill: (() => void) | undefined;
  const onSignal = () => {
    if (controller.signal.aborted) kill?.();
    else controller.abort(new Error("The command was interrupted"));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    onKill: (next) => kill = next,
    end: () => SIGNALS.forEach((signal) => process.removeListener(signal, onSignal)),
  };
}
