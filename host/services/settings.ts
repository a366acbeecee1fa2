/**
 * The service `settings`: the application's settings, for plugins that ask.
 * @module
 */
import * as v from "valibot";
import { command } from "../../protocol/command.ts";
import { encodeHex } from "../../protocol/hex.ts";
import type { Commands } from "../../protocol/plugin.ts";
import type { Settings } from "../settings.ts";
import { NOTHING } from "./schemas.ts";

/** Makes the service. */
export function settingsCommands(settings: Settings): Commands {
  return {
    get: command({ input: v.optional(NOTHING), output: v.object({ version: v.number(), data: v.string() }) }, () => {
      const { version, data } = settings.get();
      return { version, data: encodeHex(data) };
    }),
  };
}
