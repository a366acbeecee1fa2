/**
 * Who may call a plugin over REST: takes a request's headers, throws the refusal.
 * @module
 */
import type { Context } from "hono";
import { isLoopbackName } from "../endpoint.ts";
import { PluginError } from "../errors.ts";
import { equalsSecret } from "../proof.ts";
import { HEADERS } from "./wire.ts";

/** What the checks compare with. */
export interface GuardOptions {
  /** The only hosts that may call; empty for every host. */
  readonly hosts: readonly string[];
  /** The launch's secret; without one every program of this machine may call. */
  readonly token: string | undefined;
  /** The address that the server listens on, or `unix:/path`. */
  readonly listen: string;
}

/** Keeps web pages out: a browser names its page in `Origin`, and a rebound DNS name stands in `Host`. */
export function checkOrigin(c: Context, options: GuardOptions): void {
  if (c.req.header("origin") !== undefined) {
    throw refusal("exec.forbidden", "Requests with an Origin header are refused: web pages may not call plugins");
  }
  if (!isLoopbackName(options.listen)) return;
  const name = (c.req.header("host") ?? "").replace(/:\d*$/, "");
  if (!isLoopbackName(name)) throw refusal("exec.forbidden", `The Host header is "${name}", not localhost, 127.0.0.1 or [::1]`);
}

export function checkToken(c: Context, options: GuardOptions): void {
  if (options.token === undefined) return;
  const given = c.req.header(HEADERS.authorization) ?? "";
  if (!equalsSecret(given, `Bearer ${options.token}`)) throw refusal("exec.unauthenticated", "The call does not carry this launch's token");
}

export function checkHost(c: Context, options: GuardOptions): void {
  if (options.hosts.length === 0) return;
  const host = c.req.header(HEADERS.host);
  if (host === undefined && options.token === undefined) return;
  if (host === undefined || !options.hosts.includes(host)) {
    const who = host === undefined ? "A call without X-Host" : `Host "${host}"`;
    throw refusal("exec.forbidden", `${who} is not among the hosts of this plugin: ${options.hosts.join(", ")}`);
  }
}

function refusal(code: string, message: string): PluginError {
  return new PluginError(code, message, { origin: "plugin" });
}
