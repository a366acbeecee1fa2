/**
 * Who may call a plugin, and with how much: takes a request's headers or payload, throws the refusal.
 * @module
 */
import { isLoopbackName } from "./endpoint.ts";
import { type PluginError, refusal } from "./errors.ts";
import { HEADERS } from "./headers.ts";
import { equalsSecret } from "./proof.ts";
import type { PluginServiceOptions } from "./plugin_service.ts";
import type { Service } from "./server.ts";

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

export function checkToken(header: HeaderOf, { token }: Pick<PluginServiceOptions, "token">): void {
  if (token === undefined) return;
  const given = header(HEADERS.authorization) ?? "";
  if (!equalsSecret(given, `Bearer ${token}`)) throw refusal("exec.unauthenticated", "The call does not carry this launch's token");
}

export function checkHost(header: HeaderOf, { hosts, token }: Pick<PluginServiceOptions, "hosts" | "token">): void {
  if (hosts.length === 0) return;
  const host = header(HEADERS.host) ?? undefined;
  if (host === undefined && token === undefined) return;
  if (host === undefined || !hosts.includes(host)) {
    const who = host === undefined ? "A call without X-Host" : `Host "${host}"`;
    throw refusal("exec.forbidden", `${who} is not among the hosts of this plugin: ${hosts.join(", ")}`);
  }
}

/** Keeps out a payload over the limit. */
export function checkPayload(payload: Uint8Array, { maxPayloadBytes }: Pick<Service, "maxPayloadBytes">): void {
  if (payload.length > maxPayloadBytes) throw tooLarge(maxPayloadBytes);
}

/** The refusal of a payload over the limit. */
export function tooLarge(limit: number): PluginError {
  return refusal("exec.too_large", `The payload has more than the limit of ${limit} bytes`);
}
