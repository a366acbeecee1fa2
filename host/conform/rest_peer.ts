/**
 * REST's way to the plugin that is being checked: takes an endpoint, gives a `Peer` that can also send any HTTP request, exactly once.
 * @module
 */
import { isPluginError } from "../../protocol/errors.ts";
import { decodeHex } from "../../protocol/hex.ts";
import { HEADERS, parseIdentity } from "../../protocol/headers.ts";
import { decodeAnswer, encodeExecRequest, EXEC_STATUS, isRaw, JSON_TYPE, RAW_TYPE, statusFromCode } from "../../protocol/rest/wire.ts";
import { changed } from "./exchange.ts";
import type { HttpAnswer, HttpEndpoint, HttpRequest } from "./http_line.ts";
import { OpenLines } from "./open_lines.ts";
import type { CallChanges, HeaderChanges, Line, Outcome, Peer, PeerIdentity, PeerOptions, Reply } from "./peer.ts";
import { lineFrom, type WireForm } from "./peer_line.ts";
import { type HttpExchange, RestLine } from "./rest_line.ts";

/** Opens nothing yet: each exchange has a connection of its own, unless a check asks for one to keep. */
export class RestPeer implements Peer {
  readonly endpoint: HttpEndpoint;
  readonly #options: PeerOptions;
  readonly #lines: OpenLines<RestLine>;
  readonly #form: WireForm<HttpRequest, HttpExchange>;
  #trusted = false;

  constructor(endpoint: HttpEndpoint, options: PeerOptions) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#lines = new OpenLines((onSend) => new RestLine(endpoint, options, onSend));
    this.#form = {
      ping: () => this.pingRequest(),
      exec: ({ command, payload }) => this.execRequest(encodeExecRequest(command, payload)),
      pingReply: (exchange) => replyFrom(exchange, pingOutcome),
      execReply: (exchange) => replyFrom(exchange, execOutcome),
    };
  }

  get lastSent(): string {
    return this.#lines.lastSent;
  }

  statusOf(code: string): string {
    return String(statusFromCode(code));
  }

  async identify(): Promise<PeerIdentity> {
    const header = (await this.ping()).headers.get(HEADERS.polyplug) ?? null;
    this.#trusted = header !== null && this.#options.token !== undefined;
    return { knowsPolyplug: header !== null, features: parseIdentity(header, null).features };
  }

  async ping(headers: HeaderChanges = {}): Promise<Reply> {
    return replyFrom(await this.send(this.pingRequest(headers)), pingOutcome);
  }

  async exec(command: string, payload: Uint8Array, { headers = {}, raw = false }: CallChanges = {}): Promise<Reply> {
    if (raw) return replyFrom(await this.send(this.rawRequest(command, payload, headers)), rawOutcome);
    return replyFrom(await this.send(this.execRequest(encodeExecRequest(command, payload), headers)), execOutcome);
  }

  /** A ping as the host sends it. */
  pingRequest(changes: HeaderChanges = {}): HttpRequest {
    return { method: "GET", path: "/ping", headers: changed({ [HEADERS.host]: this.#options.host }, changes) };
  }

  /** A call as the host sends it, its body as written here. */
  execRequest(body: string | Uint8Array, changes: HeaderChanges = {}): HttpRequest {
    return { method: "POST", path: "/exec", headers: changed({ ...this.#usual(), "content-type": JSON_TYPE }, changes), body };
  }

  /** A call of raw bytes. */
  rawRequest(command: string, payload: Uint8Array, changes: HeaderChanges = {}): HttpRequest {
    return this.execRequest(payload, { "content-type": RAW_TYPE, [HEADERS.command]: command, ...changes });
  }

  /** A request that the contract does not know. */
  otherRequest(method: string, path: string, body?: string): HttpRequest {
    return { method, path, headers: this.#usual(), ...(body === undefined ? {} : { body }) };
  }

  /** One request on a connection of its own, which the plugin is told to close. */
  async send(request: HttpRequest): Promise<HttpExchange> {
    return await this.#lines.once((line) => line.ask({ ...request, headers: { ...request.headers, connection: "close" } }));
  }

  line(): Line {
    return lineFrom(this.#lines.open(), this.#form);
  }

  async ended(): Promise<boolean> {
    return await this.#lines.ended(this.#options.timeoutMs, async (line) => (await line.ask(this.pingRequest())).answer !== undefined);
  }

  close(): Promise<void> {
    this.#lines.close();
    return Promise.resolve();
  }

  #usual(): Record<string, string> {
    const { host, token } = this.#options;
    return { [HEADERS.host]: host, ...(this.#trusted ? { [HEADERS.authorization]: `Bearer ${token}` } : {}) };
  }
}

/** The members of an error answer, found in any case as the host does; `undefined` when the body is no JSON object. */
export function errorBody({ body }: HttpAnswer): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]));
  } catch {
    return undefined; // What is not JSON has no members.
  }
}

/** The response of an answer in the JSON form, whatever its status; `undefined` when it has none. */
export function responseOf(answer: HttpAnswer): string | undefined {
  try {
    return decodeAnswer(new TextDecoder().decode(answer.body));
  } catch (error) {
    if (isPluginError(error)) return undefined;
    throw error;
  }
}

function replyFrom({ sent, came, answer }: HttpExchange, read: (answer: HttpAnswer) => Outcome): Reply {
  if (answer === undefined) return { sent, came, outcome: { kind: "lost" }, headers: new Map(), last: true };
  const { status, headers, last } = answer;
  if (status >= 200 && status < 300) return { sent, came, outcome: read(answer), headers, last };
  const code = errorBody(answer)?.get("code");
  const outcome = { kind: "refused", code: typeof code === "string" ? code : undefined, status: String(status) } as const;
  return { sent, came, outcome, headers, last };
}

function pingOutcome(answer: HttpAnswer): Outcome {
  const response = responseOf(answer);
  return response === undefined ? { kind: "unreadable" } : { kind: "answered", bytes: new TextEncoder().encode(response) };
}

function execOutcome(answer: HttpAnswer): Outcome {
  const bytes = decodeHex(responseOf(answer) ?? "?");
  return bytes === undefined ? { kind: "unreadable" } : { kind: "answered", bytes };
}

function rawOutcome({ status, headers, body }: HttpAnswer): Outcome {
  const isRight = status === EXEC_STATUS && isRaw(headers.get("content-type") ?? null);
  return isRight ? { kind: "answered", bytes: body } : { kind: "unreadable" };
}
