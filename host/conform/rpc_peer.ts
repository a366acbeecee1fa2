/**
 * The way over gRPC or Connect to the plugin that is being checked: takes an endpoint, gives a `Peer` that can also send any message.
 * @module
 */
import type { Bytes, Dialect } from "../../protocol/caller.ts";
import { HEADERS, parseIdentity } from "../../protocol/headers.ts";
import { encodePayload, formFromDialect, PAYLOAD, type PayloadForm, statusFromCode } from "../../protocol/grpc/wire.ts";
import { unusual, visible, visibleBytes, withoutToken } from "./evidence.ts";
import { changed } from "./exchange.ts";
import type { HttpEndpoint } from "./http_line.ts";
import { OpenLines } from "./open_lines.ts";
import type { Call, CallChanges, HeaderChanges, Line, Peer, PeerIdentity, PeerOptions, Reply } from "./peer.ts";
import { lineFrom } from "./peer_line.ts";
import { execMessage, execReply, pingReply, type RpcCall, type RpcExchange, type RpcLine } from "./rpc_call.ts";

/** Makes a connection of one of the wires. */
export type RpcLineClass = new (endpoint: HttpEndpoint, options: PeerOptions, onSend: (sent: string) => void) => RpcLine;

/** What is special to one of the wires. */
export interface RpcPeerOptions extends PeerOptions {
  readonly Line: RpcLineClass;
  /** How payloads are written where no metadata says so. */
  readonly dialect: Dialect;
}

/** A message to send, as one wants it. */
export interface RpcMessage {
  readonly method: string;
  readonly body: Bytes;
  /** What it says, in words. */
  readonly says: string;
  readonly headers?: HeaderChanges;
  readonly json?: boolean;
}

/** Opens nothing yet: each exchange has a connection of its own, unless a check asks for one to keep. */
export class RpcPeer implements Peer {
  readonly endpoint: HttpEndpoint;
  readonly dialect: Dialect;
  readonly #options: RpcPeerOptions;
  readonly #lines: OpenLines<RpcLine>;
  #trusted = false;

  constructor(endpoint: HttpEndpoint, options: RpcPeerOptions) {
    this.endpoint = endpoint;
    this.dialect = options.dialect;
    this.#options = options;
    this.#lines = new OpenLines((onSend) => new options.Line(endpoint, options, onSend));
  }

  get lastSent(): string {
    return this.#lines.lastSent;
  }

  statusOf(code: string): string {
    return statusFromCode(code);
  }

  async identify(): Promise<PeerIdentity> {
    const header = (await this.ping()).headers.get(HEADERS.polyplug) ?? null;
    this.#trusted = header !== null && this.#options.token !== undefined;
    return { knowsPolyplug: header !== null, features: parseIdentity(header, null).features };
  }

  async ping(headers: HeaderChanges = {}): Promise<Reply> {
    return pingReply(await this.send(this.pingMessage(headers)));
  }

  async exec(command: string, payload: Uint8Array, { headers = {}, raw = false }: CallChanges = {}): Promise<Reply> {
    const form = raw ? "raw" : formFromDialect(this.dialect);
    const said = raw ? { [PAYLOAD]: form } : {};
    return execReply(await this.send(this.execMessage({ command, payload }, { form, headers: { ...said, ...headers } })), form);
  }

  pingMessage(headers: HeaderChanges = {}): RpcMessage {
    return { method: "Ping", body: new Uint8Array(0), says: "", headers: { [HEADERS.authorization]: undefined, ...headers } };
  }

  /** A call, its payload written in the form; default: that of the dialect. */
  execMessage({ command, payload }: Call, options: { readonly form?: PayloadForm; readonly headers?: HeaderChanges } = {}): RpcMessage {
    const { form = formFromDialect(this.dialect), headers = {} } = options;
    return this.fieldMessage(command, encodePayload(payload, form), headers);
  }

  /** A call, its payload as it stands in the message. */
  fieldMessage(command: string, field: Uint8Array, headers: HeaderChanges = {}): RpcMessage {
    const says = ` "${visible(command)}", Payload "${visibleBytes(field, 60)}"`;
    return { method: "Exec", body: execMessage(command, field), says, headers };
  }

  /** One message on a connection of its own. */
  async send(message: RpcMessage): Promise<RpcExchange> {
    return await this.#lines.once((line) => line.ask(this.#call(message)));
  }

  line(): Line {
    const form = formFromDialect(this.dialect);
    return lineFrom(this.#lines.open(), {
      ping: () => this.#call(this.pingMessage()),
      exec: (call) => this.#call(this.execMessage(call)),
      pingReply,
      execReply: (exchange) => execReply(exchange, form),
    });
  }

  async ended(): Promise<boolean> {
    const ping = this.#call(this.pingMessage());
    return await this.#lines.ended(this.#options.timeoutMs, async (line) => (await line.ask(ping)).answer !== undefined);
  }

  close(): Promise<void> {
    this.#lines.close();
    return Promise.resolve();
  }

  /** Adds what every call has. It is left out of the description, and the token is never shown. */
  #call({ method, body, says, headers = {}, json = false }: RpcMessage): RpcCall {
    const { host, token } = this.#options;
    const usual = { [HEADERS.host]: host, ...(this.#trusted ? { [HEADERS.authorization]: `Bearer ${token}` } : {}) };
    const all = changed(usual, headers);
    const shown = withoutToken(`${method}${json ? " in JSON" : ""}${says}${unusual(all, usual)}`, token);
    return { method, body, headers: all, shown, ...(json ? { json } : {}) };
  }
}
