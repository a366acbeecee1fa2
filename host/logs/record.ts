/**
 * `PluginLog`: what a plugin wrote, and what the host has to say about it, as one record.
 * @module
 */

import type { LogLevel } from "../../protocol/plugin.ts";

/** One record; the host's own notices carry the plugin that they are about. */
export interface PluginLog {
  /** When the host read it. */
  readonly time: Date;
  /** The plugin's name in the configuration; `""` for a notice about no plugin. */
  readonly plugin: string;
  /** How much it matters, as the line says it; `info` where it does not. */
  readonly level: LogLevel;
  /** The message in the line, the line itself where it is plain text, or the notice. */
  readonly message: string;
  /** `stream` is `"stdout"` or `"stderr"` for output, beside what else a line in JSON has; `code` is the code of a notice. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Where records go. */
export type LogSink = (record: PluginLog) => void;
