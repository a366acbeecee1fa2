/**
 * The service `log`: a plugin's records, for plugins that have no stderr of their own to write to.
 * @module
 */
import * as v from "valibot";
import { command } from "../../protocol/command.ts";
import type { Commands } from "../../protocol/plugin.ts";
import type { LogSink } from "../logs/record.ts";
import { NOTHING } from "./schemas.ts";

const RECORD = v.object({
  level: v.picklist(["debug", "info", "warn", "error"]),
  message: v.string(),
  values: v.optional(v.record(v.string(), v.unknown()), {}),
});

/** Makes the service. */
export function logCommands(log: LogSink): Commands {
  return {
    write: command({ input: RECORD, output: NOTHING }, ({ level, message, values }, { from }) => {
      log({ time: new Date(), plugin: from, level, message, values });
      return {};
    }),
  };
}
