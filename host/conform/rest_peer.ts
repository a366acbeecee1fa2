/**
 * REST's way to the plugin that is being checked: takes an endpoint, gives a `Peer` that can also send any HTTP request, exactly once.
 * @module
 */
import { isPluginError } from "../../protocol/errors.ts";
import { decodeHex } from "../../protocol/hex.ts";
import { HEADERS, parseIdentity } from "../../protocol/headers.ts";
import { decodeAnswer, encodeExecRequest, JSON_TYPE, RAW_TYPE } from "../../protocol/rest/wire.ts";
import type { HttpAnswer, HttpEndpoint, HttpRequest } from "./http_line.ts";
import type { Outcome, Peer, PeerIdentity, PeerOptions, Reply } from "./peer.ts";
import { type HttpExchange, RestLine } from "./rest_line.ts";

/** Headers to add to the usual ones; `undefined` takes one away. */
export type HeaderChanges = Readonly<Record<string, string | undefined>>;

/** Opens nothing yet: each exchange has a connection of its own, unless a check asks for one to keep. */
export class RestPeer implements Peer {
  /** Where the plugin listens. */
  readonly endpoint: HttpEndpoint;
  readonly #options: PeerOptions;
  readonly #lines = new Set<RestLine>();
  #trusted = false;
  #lastSent = "";

  constructor(endpoint: HttpEndpoint, options: PeerOptions) {
    this.endpoint = endpoint;
    this.#options = options;
  }

  get lastSent(): string {
    return this.#lastSent;
  }

  async identify(): Promise<PeerIdentity> {
    const { answer } = await this.send(this.pingRequest());
    const header = answer?.headers.get(HEADERS.polyplug) ?? null;
    this.#trusted = header !== null && this.#options.token !== undefined;
    return { knowsPolyplug: header !== null, features: parseIdentity(header, null).features };
  }

  async ping(): Promise<Reply> {
    return replyFrom(await this.send(this.pingRequest()), pingOutcome);
  }

  async exec(command: string, payload: Uint8Array): Promise<Reply> {
    return replyFrom(await this.send(this.execRequest(encodeExecRequest(command, payload))), execOutcome);
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
    const line = this.line();
    try {
      return await line.ask({ ...request, headers: { ...request.headers, connection: "close" } });
    } finally {
      line.close();
      this.#lines.delete(line);
    }
  }

  /** A connection to keep, made at its first use; `close()` of the peer closes it. */
  line(): RestLine {
    const line = new RestLine(this.endpoint, this.#options, (sent) => this.#lastSent = sent);
    this.#lines.add(line);
    return line;
  }

  /** Waits until the plugin takes no connection any more; false when it still does after the time of one exchange. */
  async ended(): Promise<boolean> {
    const deadline = performance.now() + this.#options.timeoutMs;
    while (performance.now() < deadline) {
      const line = this.line();
      // A connection that was used: one without a byte on it may not have been accepted, and then its end is not told.
      const { answer } = await line.ask(this.pingRequest());
      if (answer === undefined) return true;
      await line.closed();
      line.close();
    }
    return false;
  }

  close(): Promise<void> {
    for (const line of this.#lines) line.close();
    this.#lines.clear();
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
  if (answer === undefined) return { sent, came, outcome: { kind: "lost" } };
  if (answer.status >= 200 && answer.status < 300) return { sent, came, outcome: read(answer) };
  const code = errorBody(answer)?.get("code");
  return { sent, came, outcome: { kind: "refused", code: typeof code === "string" ? code : undefined } };
}

function pingOutcome(answer: HttpAnswer): Outcome {
  const response = responseOf(answer);
  return response === undefined ? { kind: "unreadable" } : { kind: "answered", bytes: new TextEncoder().encode(response) };
}

function execOutcome(answer: HttpAnswer): Outcome {
  const bytes = decodeHex(responseOf(answer) ?? "?");
  return bytes === undefined ? { kind: "unreadable" } : { kind: "answered", bytes };
}

function changed(headers: Readonly<Record<string, string>>, changes: HeaderChanges): Record<string, string> {
  const entries = Object.entries({ ...headers, ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
