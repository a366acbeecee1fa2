/**
 * `PluginError`, the one error class: a code whose first word names the stage that failed, what happened, and what to do next.
 * @module
 */

/** What may be said about a failure beside code and message. */
export interface PluginErrorOptions {
  /** Who found the failure; default `"host"`. */
  readonly origin?: "host" | "plugin";
  /** The plugin's name in the config. */
  readonly plugin?: string;
  /** What the reader can do next. */
  readonly hint?: string;
  /** What led to it. */
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for("polyplug.PluginError");

/** A failure of a plugin, or of the way to it. */
export class PluginError extends Error {
  /** `<stage>.<what>`, for example `verify.checksum_mismatch`; a plugin's own codes have their own form. */
  readonly code: string;
  /** `"plugin"` when the plugin itself answered with this error. */
  readonly origin: "host" | "plugin";
  /** The plugin's name in the config, where there is one. */
  readonly plugin: string | undefined;
  /** What to do next, where there is something to do. */
  readonly hint: string | undefined;

  /** Makes an error; `origin` is the host unless said otherwise. */
  constructor(code: string, message: string, options: PluginErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PluginError";
    this.code = code;
    this.origin = options.origin ?? "host";
    this.plugin = options.plugin;
    this.hint = options.hint;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether a value is a `PluginError`, made by this copy of the package or another one. */
export function isPluginError(value: unknown): value is PluginError {
  return value instanceof Error && BRAND in value;
}

/** What a plugin answers in place of a result. */
export function refusal(code: string, message: string): PluginError {
  return new PluginError(code, message, { origin: "plugin" });
}

/** The same error, with more said about it. */
export function withMore(error: PluginError, more: Pick<PluginErrorOptions, "plugin" | "hint">): PluginError {
  const { code, message, origin, plugin, hint, cause } = error;
  const said = { ...(plugin === undefined ? {} : { plugin }), ...(hint === undefined ? {} : { hint }) };
  return new PluginError(code, message, { origin, cause, ...said, ...more });
}

/** What an unknown thrown value says, in one line. */
export function messageOf(value: unknown): string {
  if (value instanceof Error) return value.message || value.name;
  if (typeof value === "object" && value !== null && "message" in value && typeof value.message === "string") return value.message;
  return String(value);
}
