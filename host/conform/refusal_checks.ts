/**
 * The checks of level `full` about calls that are refused before they are run, on every wire: those of web pages, and payloads too large.
 * @module
 */
import { isLoopbackName } from "../../protocol/endpoint.ts";
import type { Check, CheckContext, Finding } from "./check.ts";
import { answered, eachRefused, isRefused } from "./expect.ts";
import type { HeaderChanges, Peer, Reply } from "./peer.ts";

const FULL = { level: "full", section: 3 } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");

/** For wires that a browser can speak. */
export const WEB_PAGE_CHECKS: readonly Check[] = [
  {
    ...FULL,
    id: "forbidden.origin",
    title: "requests of web pages are refused",
    needs: ["exec"],
    advice: "Answer every request that has an Origin header, whatever its value, with the status 403: only browsers send it",
    run: (context) => eachFrom(context, [{ origin: "http://example.com" }, { origin: "null" }]),
  },
  {
    ...FULL,
    id: "forbidden.host",
    title: "a foreign Host header is refused",
    needs: ["exec"],
    advice:
      "Answer a request whose Host header is not localhost, 127.0.0.0/8 or [::1], with or without a port, with the status 403: a web page may give its own name this machine's address",
    run: (context) => {
      const { endpoint } = context.peer;
      const loopback = endpoint.kind === "tcp" && isLoopbackName(endpoint.url.hostname);
      if (!loopback) return Promise.resolve({ skip: "the Host header matters on a loopback TCP address alone" });
      return eachFrom(context, [{ host: "example.com" }, { host: "localhost.example.com:80" }]);
    },
  },
];

/** How large a payload may be. */
export const LIMIT_CHECKS: readonly Check[] = [
  {
    ...FULL,
    id: "limit.exact",
    title: "a payload of exactly the limit passes",
    needs: ["bytes.large"],
    advice: "Take payloads up to the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB), counted in bytes after decoding, the limit itself included",
    run: async (context) => answered(await sendSized(context, context.maxPayloadBytes)),
  },
  {
    ...FULL,
    id: "limit.over",
    title: "a larger payload is 413 exec.too_large",
    needs: ["limit.exact"],
    advice:
      "Answer a payload over the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB) with the status 413, and read the rest of the body before you close, so that the answer arrives",
    run: async (context) => isRefused(context.peer, await sendSized(context, context.maxPayloadBytes + 1), "exec.too_large"),
  },
];

/** A call and a ping with each of these headers. */
async function eachFrom(context: CheckContext<Peer>, changes: readonly HeaderChanges[]): Promise<Finding | undefined> {
  const { peer, echo } = context;
  const exchanges = changes.flatMap((headers) => [() => peer.exec(echo, OK, { headers }), () => peer.ping(headers)]);
  return await eachRefused(context, exchanges, "exec.forbidden");
}

function sendSized({ peer, echo }: CheckContext<Peer>, size: number): Promise<Reply> {
  return peer.exec(echo, new Uint8Array(size).fill(0x2e));
}
