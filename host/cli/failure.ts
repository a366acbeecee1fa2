/**
 * Takes whatever was thrown, gives the text of it as a person, or with --json a program, reads it.
 * @module
 */
import { isPluginError, messageOf } from "../../protocol/errors.ts";
import { visible, visibleJson, visibleLines } from "../visible.ts";

/** How an error is written. */
export interface ErrorForm {
  readonly json: boolean;
  /** With the stacks. */
  readonly debug: boolean;
  readonly color: boolean;
}

/** `error[CODE]: message`, the cause, the hint; a stack only for `debug`. */
export function formatError(error: unknown, form: ErrorForm): string {
  if (error instanceof AggregateError) return error.errors.map((each) => formatError(each, form)).join("\n");
  if (form.json) return visibleJson(JSON.stringify({ error: errorAsData(error) }));
  const data = errorAsData(error);
  const { code, hint, cause } = data;
  const head = `error[${visible(code)}]:`;
  const lines = [`${form.color ? `\x1b[1;31m${head}\x1b[0m` : head} ${formatMessage(error, data)}`];
  if (cause !== undefined) lines.push(`  cause: ${visibleLines(cause, "    ")}`);
  if (hint !== undefined) lines.push(`  hint: ${visibleLines(hint, "    ")}`);
  if (form.debug && error instanceof Error) lines.push(...stacks(error));
  return lines.join("\n");
}

/** What a program gets of an error. */
export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly origin?: "host" | "plugin";
  readonly plugin?: string;
  readonly hint?: string;
  /** Left out when the message says it already. */
  readonly cause?: string;
}

/** The parts of an error; what is no `PluginError` is `cli.failed`. */
export function errorAsData(error: unknown): ErrorData {
  const message = messageOf(error);
  const known = isPluginError(error) ? error : undefined;
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : "";
  return {
    code: known?.code ?? "cli.failed",
    message,
    ...(known && { origin: known.origin }),
    ...(known?.plugin !== undefined && { plugin: known.plugin }),
    ...(known?.hint !== undefined && { hint: known.hint }),
    ...(cause !== "" && !message.includes(cause.trimEnd()) && { cause: cause.trimEnd() }),
  };
}

/** What a plugin says stays on one line; what the host says has lines of its own. A driver names nobody. */
function formatMessage(error: unknown, { message, plugin }: ErrorData): string {
  if (isPluginError(error) && error.origin === "plugin") return `${visible(plugin ?? "The plugin")} answered: ${visible(message)}`;
  return visibleLines(plugin === undefined || message.includes(plugin) ? message : `${plugin}: ${message}`);
}

function stacks(error: Error): readonly string[] {
  const own = (error.stack ?? "").split("\n").filter((line) => line.trim().startsWith("at ")).map((line) => `    ${visible(line.trim())}`);
  return error.cause instanceof Error ? [...own, "  caused by:", ...stacks(error.cause)] : own;
}
