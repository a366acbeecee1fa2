/**
 * Why a call did not come through: takes an error of a connection, or a size, gives the `PluginError` that says whether the call may have run.
 * @module
 */
import { messageOf, PluginError } from "./errors.ts";

/** Codes of the clients that say that no connection was made, so that no byte was sent. */
const REFUSED: readonly unknown[] = ["ECONNREFUSED", "ConnectionRefused", "FailedToOpenSocket", "ENOENT", "UND_ERR_CONNECT_TIMEOUT"];
/** Codes, or names where there is no code, that say that what came was not HTTP. */
const NOT_HTTP =
  /^HPE_|^(HTTPParserError|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$|^(Malformed|Invalid)_?HTTP|^InvalidContentLength$|^UnrequestedUpgrade$/i;

/** Gives a failure of a client its code: whether nothing was sent, what came was not HTTP, or the call may have run. */
export function errorFromTransport(error: unknown): PluginError {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (REFUSED.includes(code)) return refusedError("It refused the connection", error);
  if (NOT_HTTP.test(String(code ?? (error instanceof Error ? error.name : "")))) {
    return new PluginError("caller.bad_response", `The answer is not HTTP: ${messageOf(error)}`, { cause: error });
  }
  return lostError(messageOf(error), error);
}

/** The call was not sent, or was not looked at. */
export function refusedError(what: string, cause?: unknown): PluginError {
  return new PluginError("caller.refused", `${what}; the call was not sent`, { cause });
}

/** The call may have run. */
export function lostError(what: string, cause?: unknown): PluginError {
  const hint = 'The plugin may have run the call; send it again only when that does no harm (retry: "idempotent")';
  return new PluginError("caller.lost", `The connection ended before the answer was complete: ${what}`, { hint, cause });
}

const TOO_LARGE_HINT = "Raise max_payload in the plugin's configuration, or send the data in parts";

/** The payload is over the limit. */
export function payloadTooLarge(command: string, payload: Uint8Array, limit: number): PluginError {
  const message = `The payload for "${command}" has ${payload.length} bytes, the limit is ${limit}; it was not sent`;
  return new PluginError("caller.too_large", message, { hint: TOO_LARGE_HINT });
}

/** The answer is over the limit; its size is said where the wire tells it before the bytes. */
export function answerTooLarge(limit: number, bytes?: number): PluginError {
  const size = bytes === undefined ? `more than the limit of ${limit} bytes` : `${bytes} bytes, the limit is ${limit}`;
  return new PluginError("caller.too_large", `The answer has ${size}`, { hint: TOO_LARGE_HINT });
}

/**
 * Reads the answer to a ping.
 * @throws {PluginError} "caller.bad_response" when it is something else.
 */
export function requirePong(response: string): void {
  if (response === "pong") return;
  throw new PluginError("caller.bad_response", `The answer to ping is ${JSON.stringify(response.slice(0, 120))}, not "pong"`);
}
