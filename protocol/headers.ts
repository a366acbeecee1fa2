/**
 * The headers that say who calls, who answers and for how long; gRPC and Connect carry them as metadata, by the same names.
 * @module
 */
import type { AttemptOptions, Identity } from "./caller.ts";
import { MAX_TIMER_MS } from "./deadlines.ts";
import type { DispatchRequest } from "./dispatch.ts";
import type { HeaderOf } from "./guard.ts";
import { PROTOCOL_VERSION } from "./reserved.ts";

/** Header names, lower-case as HTTP libraries give them. */
export const HEADERS = {
  host: "x-host",
  requestId: "x-request-id",
  attempt: "x-attempt",
  timeoutMs: "x-timeout-ms",
  traceparent: "traceparent",
  polyplug: "x-polyplug",
  nonce: "x-polyplug-nonce",
  proof: "x-polyplug-proof",
  command: "x-command",
  /** The plugin that makes the call through the host. */
  from: "x-polyplug-from",
  /** Through how many plugins the call has come already. */
  hops: "x-polyplug-hops",
  authorization: "authorization",
} as const;

/** The headers of a call, but for its deadline, which each wire writes in its own way. */
export function callHeaders(host: string, token: string | undefined, options: AttemptOptions): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADERS.host]: host,
    [HEADERS.requestId]: options.requestId ?? crypto.randomUUID(),
    [HEADERS.attempt]: String(options.attempt ?? 1),
  };
  if (options.traceparent !== undefined) headers[HEADERS.traceparent] = options.traceparent;
  addPassage(headers, options);
  if (token !== undefined) headers[HEADERS.authorization] = `Bearer ${token}`;
  return headers;
}

/** Says, of a call that the host makes for a plugin, for which one and through how many it has come. */
export function addPassage(headers: Record<string, string>, { from, hops }: AttemptOptions): void {
  if (from !== undefined) headers[HEADERS.from] = from;
  if (hops !== undefined) headers[HEADERS.hops] = String(hops);
}

/** The milliseconds that a call may still take, as wires write them: whole, at least 1; `undefined` when there is no limit that fits. */
export function wholeTimeoutMs(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined || timeoutMs > MAX_TIMER_MS ? undefined : Math.max(1, Math.floor(timeoutMs));
}

/** Reads them; what is not a whole number that a timer takes is no limit. */
export function timeoutFromHeader(value: string | null | undefined): number | undefined {
  const timeoutMs = Number(value ?? Number.NaN);
  return Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_TIMER_MS ? timeoutMs : undefined;
}

/** A call with what its headers say of it. */
export function requestFromHeaders(
  header: HeaderOf,
  call: Pick<DispatchRequest, "command" | "payload" | "target" | "signal" | "timeoutMs">,
): DispatchRequest {
  return {
    ...call,
    requestId: header(HEADERS.requestId) ?? crypto.randomUUID(),
    traceparent: header(HEADERS.traceparent) ?? undefined,
    from: header(HEADERS.from) ?? header(HEADERS.host) ?? "",
    hops: hopsFromHeader(header(HEADERS.hops)),
  };
}

/** Reads through how many plugins a call has come; what is no whole number is none. */
export function hopsFromHeader(value: string | null | undefined): number {
  const hops = Number(value ?? 0);
  return Number.isInteger(hops) && hops >= 0 ? Math.min(hops, MOST_HOPS_WRITTEN) : 0;
}

/** What a byte holds; the host refuses long before. */
const MOST_HOPS_WRITTEN = 255;

/** The header by which a plugin says that it knows polyplug. */
export function formatIdentity(features: readonly string[]): string {
  return `${PROTOCOL_VERSION}; features=${features.join(",")}`;
}

/** Reads that header and the proof beside it; a plugin without it is a plain one. */
export function parseIdentity(header: string | null, proof: string | null): Identity {
  if (header === null) return { features: [] };
  const [version, ...parameters] = header.split(";").map((part) => part.trim());
  const list = parameters.find((parameter) => parameter.startsWith("features="))?.slice("features=".length) ?? "";
  const features = list.split(",").map((feature) => feature.trim()).filter((feature) => feature !== "");
  return { protocol: Number(version), features, ...(proof === null ? {} : { proof }) };
}
