/**
 * The headers that say who calls, who answers and for how long; gRPC and Connect carry them as metadata, by the same names.
 * @module
 */
import type { AttemptOptions, Identity } from "./caller.ts";
import { MAX_TIMER_MS } from "./deadlines.ts";
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
  if (token !== undefined) headers[HEADERS.authorization] = `Bearer ${token}`;
  return headers;
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
