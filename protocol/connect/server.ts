/**
 * The plugin's half of Connect: takes a plugin's dispatcher, gives the handler that REST's server mounts at `/plugin.Plugin/`.
 * @module
 */
import { createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandlerFn, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { ServerRequest } from "srvx";
import { collectBytes } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import { isPluginError, PluginError } from "../errors.ts";
import { HEADERS } from "../headers.ts";
import { Plugin } from "../gen/plugin_pb.ts";
import { Plugin as SeedPlugin } from "../gen/plugin_seed_pb.ts";
import { createSeedService, createService } from "../grpc/service.ts";
import { ERROR_CODE, messageCap } from "../grpc/wire.ts";
import { readBody } from "../rest/body.ts";
import type { AnswerClass } from "../rest/server.ts";
import type { ServerOptions } from "../server.ts";
import { isJson, JSON_TYPE, TIMEOUT } from "./wire.ts";

/** Answers requests for Ping and Exec; `Answer` is the server's own class of answers. */
export function createConnectHandler(options: ServerOptions, Answer: AnswerClass): (request: ServerRequest) => Promise<Response> {
  const cap = messageCap(options.maxPayloadBytes);
  const settings = { connect: true, grpc: false, grpcWeb: false, readMaxBytes: cap, acceptCompression: [] };
  const binary = handlersOf(createConnectRouter(settings).service(Plugin, createService(options)).handlers);
  const json = handlersOf(createConnectRouter(settings).service(SeedPlugin, createSeedService(options)).handlers);
  return async (request) => {
    const path = new URL(request.url).pathname;
    const handler = (isJson(request.headers.get("content-type")) ? json : binary).get(path);
    if (handler === undefined) return refused(404, "unimplemented", new PluginError("exec.not_found", `There is no ${path}`));
    try {
      const body = await readBody(request, cap, options.maxPayloadBytes);
      return await answerFrom(await handler(universal(request, body)), Answer);
    } catch (error) {
      if (isPluginError(error)) return refused(429, "resource_exhausted", error);
      throw error;
    }
  };
}

function handlersOf(handlers: readonly (UniversalHandlerFn & { readonly requestPath: string })[]): ReadonlyMap<string, UniversalHandlerFn> {
  return new Map(handlers.map((handler) => [handler.requestPath, handler]));
}

function universal(request: ServerRequest, body: Bytes) {
  const { url, method, headers, signal } = request;
  const chunks = async function* () {
    yield body;
  };
  // Only the dispatcher keeps the deadline: Connect's own timer would warn on stderr of one that no timer takes.
  const header = new Headers(headers);
  const timeoutMs = header.get(TIMEOUT);
  header.delete(TIMEOUT);
  if (timeoutMs !== null) header.set(HEADERS.timeoutMs, timeoutMs === "0" ? "1" : timeoutMs);
  return { httpVersion: "1.1", url, method, header, body: chunks(), signal };
}

async function answerFrom({ status, header, body }: UniversalServerResponse, Answer: AnswerClass): Promise<Response> {
  return new Answer(await collectBytes(body), { status, headers: Object.fromEntries(header ?? []) });
}

/** What is refused before Connect's own handler sees it, in Connect's form. */
function refused(status: number, code: string, error: PluginError): Response {
  const headers = { "content-type": JSON_TYPE, [ERROR_CODE]: error.code, connection: "close" };
  return new Response(JSON.stringify({ code, message: error.message }), { status, headers });
}
