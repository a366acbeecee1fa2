/**
 * Who may call a plugin: takes a request's headers, throws the refusal.
 * @module
 */
import { isLoopbackName } from "./endpoint.ts";
import { PluginError } from "./errors.ts";
import { HEADERS } from "./headers.ts";
import { equalsSecret } from "./proof.ts";
import type { ServerOptions } from "./server.ts";

/** Gives a header of the request by its lower-case name. */
export type HeaderOf = (name: string) => string | null | undefined;

/** Keeps web pages out: a browser names its page in `Origin`, and a rebound DNS name stands in `Host`. */
export function checkOrigin(header: HeaderOf, listen: string): void {
  if (header("origin") != null) {
    throw refusal("exec.forbidden", "Requests with an Origin header are refused: web pages may not call plugins");
  }
  if (!isLoopbackName(listen)) return;
  const name = (header("host") ?? "").replace(/:\d*$/, "");
  if (!isLoopbackName(name)) throw refusal("exec.forbidden", `The Host header is "${name}", not localhost, 127.0.0.1 or [::1]`);
}

export function checkToken(header: HeaderOf, { token }: ServerOptions): void {
  if (token === undefined) return;
  const given = header(HEADERS.authorization) ?? "";
  if (!equalsSecret(given, `Bearer ${token}`)) throw refusal("exec.unauthenticated", "The call does not carry this launch's token");
}

export function checkHost(header: HeaderOf, { hosts, token }: ServerOptions): void {
  if (hosts.length === 0) return;
  const host = header(HEADERS.host) ?? undefined;
  if (host === undefined && token === undefined) return;
  if (host === undefined || !hosts.includes(host)) {
    const who = host === undefined ? "A call without X-Host" : `Host "${host}"`;
    throw refusal("exec.forbidden", `${who} is not among the hosts of this plugin: ${hosts.join(", ")}`);
  }
}

function refusal(code: string, message: string): PluginError {
  return new PluginError(code, message, { origin: "plugin" });
}
