/**
 * `host.routes`: takes the plugins of a host, gives a Hono app on which the commands that their configuration exposes are called from
 * outside, `POST /plugins/<plugin>/<command>`. Who may call at all is for the application to say, in front of it.
 * @module
 */
import { type Context, Hono } from "hono";
import { isPluginError, messageOf, PluginError, refusal } from "../protocol/errors.ts";
import { checkPayload } from "../protocol/guard.ts";
import { HEADERS, timeoutFromHeader } from "../protocol/headers.ts";
import { isHeaderValue } from "../protocol/names.ts";
import { readBody } from "../protocol/rest/body.ts";
import { encodeError, JSON_TYPE, RAW_TYPE, statusFromCode } from "../protocol/rest/wire.ts";
import type { Bytes, CallOptions } from "../protocol/caller.ts";
import { sendingProblem } from "../protocol/reserved.ts";
import { matchesTopic } from "../protocol/topics.ts";
import type { PluginSpec } from "./discover.ts";
import type { PluginHandle } from "./handle.ts";

/** A plugin as the routes see it. */
export interface Exposed {
  readonly spec: PluginSpec;
  readonly handle: PluginHandle;
}

/** Makes the app; each request asks anew what is exposed, since a reload may change it. */
export function createRoutes(find: (plugin: string) => Exposed | undefined): Hono {
  const app = new Hono();
  app.post("/plugins/:plugin/:command", async (c) => {
    try {
      return await answer(c, find);
    } catch (error) {
      return refuse(isPluginError(error) ? error : refusal("exec.failed", messageOf(error)));
    }
  });
  return app;
}

async function answer(c: Context, find: (plugin: string) => Exposed | undefined): Promise<Response> {
  const { plugin = "", command = "" } = c.req.param();
  const { spec, handle } = requireExposed(find(plugin), command);
  const payload = await readPayload(c, spec.maxPayloadBytes);
  const bytes = await handle.exec(command, payload, optionsFrom(c, spec));
  // No type that the caller names but this one: a page must never be shown what a plugin answers as a page.
  const type = /^application\/json\b/i.test(c.req.header("content-type") ?? "") ? JSON_TYPE : RAW_TYPE;
  return new Response(bytes, { status: 200, headers: { "content-type": type, ...NO_SNIFFING } });
}

/** What is not exposed is as if it were not there, and so is a plugin that is not enabled. */
function requireExposed(found: Exposed | undefined, command: string): Exposed {
  const isOpen = found !== undefined && found.handle.state.kind !== "inactive" && sendingProblem(command) === undefined &&
    found.spec.expose.some((pattern) => matchesTopic(pattern, command));
  if (isOpen) return found;
  throw notFound();
}

function notFound(): PluginError {
  return refusal("exec.not_found", "There is no such route");
}

/** Something in front may have read the body already. */
async function readPayload(c: Context, limit: number): Promise<Bytes> {
  if (!c.req.raw.bodyUsed) return await readBody(c.req.raw, limit, limit);
  const payload = new Uint8Array(await c.req.arrayBuffer());
  checkPayload(payload, { maxPayloadBytes: limit });
  return payload;
}

/** The caller may give the call less time than the configuration, not more; when its connection closes the handler is told. */
function optionsFrom(c: Context, { timeoutMs }: PluginSpec): CallOptions {
  const traceparent = c.req.header(HEADERS.traceparent);
  return {
    signal: c.req.raw.signal,
    timeoutMs: Math.min(timeoutMs, timeoutFromHeader(c.req.header(HEADERS.timeoutMs)) ?? timeoutMs),
    ...(traceparent !== undefined && isHeaderValue(traceparent) ? { traceparent } : {}),
  };
}

/** Failures of the way to the plugin; those of the plugin itself have the contract's own. */
const STATUS_BY_CODE: ReadonlyMap<string, number> = new Map([
  ["caller.timeout", 504],
  ["caller.lost", 502],
  ["caller.bad_response", 502],
  ["caller.too_large", 502],
]);

function refuse(given: PluginError): Response {
  // Its message names all that the plugin has, which is more than what is exposed.
  const error = given.code === "exec.unknown_command" ? notFound() : given;
  const status = STATUS_BY_CODE.get(error.code) ?? statusFromCode(error.code);
  // What was refused may not have been read to its end, so the connection cannot be used again.
  const close: Record<string, string> = status === 413 ? { connection: "close" } : {};
  return new Response(encodeError(forStrangers(error, status)), {
    status,
    headers: { "content-type": JSON_TYPE, ...NO_SNIFFING, ...close },
  });
}

/** What the host has to say is for its operator: it may have paths in it, and the last lines that a plugin wrote. */
function forStrangers(error: PluginError, status: number): PluginError {
  if (error.origin === "plugin") return error;
  const why = status === 504 ? "did not answer in time" : status === 502 ? "gave no answer that can be passed on" : "cannot be called now";
  return new PluginError(error.code, `The plugin ${why}`);
}

const NO_SNIFFING = { "x-content-type-options": "nosniff" };
