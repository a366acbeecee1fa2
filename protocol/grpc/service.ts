/**
 * The service of plugin.proto: takes a plugin's dispatcher, gives what answers Ping and Exec on gRPC and on Connect.
 * @module
 */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Bytes } from "../caller.ts";
import { isPluginError, messageOf, refusal } from "../errors.ts";
import type { Plugin } from "../gen/plugin_pb.ts";
import type { Plugin as SeedPlugin } from "../gen/plugin_seed_pb.ts";
import { checkHost, checkPayload, checkToken } from "../guard.ts";
import { HEADERS, timeoutFromHeader } from "../headers.ts";
import { decodeHex, encodeHex } from "../hex.ts";
import { identityHeaders, type ServerOptions } from "../server.ts";
import { decodePayload, encodePayload, formFromDialect, PAYLOAD, type PayloadForm, rpcError } from "./wire.ts";

/** The service with payloads in a `bytes` field, in the form that the caller names, else in that of the plugin's dialect. */
export function createService(options: ServerOptions): ServiceImpl<typeof Plugin> {
  return {
    ping: (_, ctx) => answered(() => pong(options, ctx)),
    exec: ({ Command, Payload }, ctx) =>
      answered(async () => {
        const form = formFromHeader(ctx) ?? formFromDialect(options.dialect);
        const response = await run(options, ctx, Command, decodePayload(Payload, form));
        ctx.responseHeader.set(PAYLOAD, form);
        return { Status: "success", Data: { Response: encodePayload(response, form) } };
      }),
  };
}

/** The service with payloads in a `string` field, which holds hex. */
export function createSeedService(options: ServerOptions): ServiceImpl<typeof SeedPlugin> {
  return {
    ping: (_, ctx) => answered(() => pong(options, ctx)),
    exec: ({ Command, Payload }, ctx) =>
      answered(async () => {
        const response = await run(options, ctx, Command, decodeHex(Payload));
        return { Status: "success", Data: { Response: encodeHex(response) } };
      }),
  };
}

function formFromHeader({ requestHeader }: HandlerContext): PayloadForm | undefined {
  const said = requestHeader.get(PAYLOAD);
  if (said === null || said === "raw" || said === "hex") return said ?? undefined;
  throw refusal("exec.bad_request", `The metadata ${PAYLOAD} is "${said}", neither raw nor hex`);
}

async function pong(options: ServerOptions, { requestHeader, responseHeader }: HandlerContext) {
  checkHost((name) => requestHeader.get(name), options);
  const headers = await identityHeaders(requestHeader.get(HEADERS.nonce) ?? undefined, options);
  for (const [name, value] of Object.entries(headers)) responseHeader.set(name, value);
  return { Status: "success", Data: { Response: "pong" } };
}

/** Runs one call. A payload that could not be decoded is refused only after the caller has shown that he may call. */
async function run(options: ServerOptions, ctx: HandlerContext, command: string, payload: Bytes | undefined): Promise<Bytes> {
  const { requestHeader } = ctx;
  checkToken((name) => requestHeader.get(name), options);
  checkHost((name) => requestHeader.get(name), options);
  if (payload === undefined) throw refusal("exec.bad_request", NOT_HEX);
  checkPayload(payload, options);
  return await options.dispatcher.exec({
    command,
    payload,
    requestId: requestHeader.get(HEADERS.requestId) ?? crypto.randomUUID(),
    from: requestHeader.get(HEADERS.host) ?? "",
    signal: ctx.signal,
    timeoutMs: timeoutFromHeader(requestHeader.get(HEADERS.timeoutMs)),
  });
}

/** Gives every failure its status; nothing of a stack crosses the wire. */
async function answered<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    throw rpcError(isPluginError(error) ? error : refusal("exec.failed", messageOf(error)));
  }
}

const NOT_HEX = "The payload is not hex: an even number of the digits 0-9, a-f; raw bytes need the metadata x-payload: raw, " +
  "or a plugin that was started with --dialect goplugin-1";
