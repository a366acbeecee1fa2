/**
 * Takes an application's `onLog`, gives the `LogSink` through which every record goes: what `onLog` throws harms neither host nor plugins.
 * @module
 */
import process from "node:process";
import { messageOf } from "../../protocol/errors.ts";
import type { LogSink, PluginLog } from "./record.ts";

/** Makes the sink; the first failure is a warning of the process, since a record about it would come to the same `onLog`. */
export function createLogSink(onLog: ((record: PluginLog) => unknown) | undefined): LogSink {
  if (onLog === undefined) return () => {};
  let isTold = false;
  const tell = (error: unknown) => {
    if (isTold) return;
    isTold = true;
    const detail = error instanceof Error ? error.stack : undefined;
    process.emitWarning(`onLog threw: ${messageOf(error)}; it gets further records, and what it throws then is not told`, {
      type: "PolyplugWarning",
      ...(detail === undefined ? {} : { detail }),
    });
  };
  return (record) => {
    try {
      const given = onLog(record);
      if (given instanceof Promise) given.catch(tell); // An async function fits the type.
    } catch (error) {
      tell(error);
    }
  };
}
