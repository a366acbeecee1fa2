/**
 * The way over the framed socket to the plugin that is being checked: takes an endpoint, gives a `Peer` that can also send any bytes.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { HEADERS } from "../../protocol/headers.ts";
import { createNonce } from "../../protocol/proof.ts";
import { visible, visibleBytes, withoutToken } from "./evidence.ts";
import { callBody, describeFrames, describeHead, type Frame, KINDS, readError, readHello } from "./frames.ts";
import type { HttpEndpoint } from "./http_line.ts";
import { OpenLines } from "./open_lines.ts";
import type { Call, CallChanges, HeaderChanges, Line, Outcome, Peer, PeerIdentity, PeerOptions, Reply } from "./peer.ts";
import { lineFrom, type WireForm } from "./peer_line.ts";
import { type Greeting, type SocketExchange, SocketLine, type SocketRequest } from "./socket_line.ts";

/** Bytes to be sent, and what is waited for. */
export interface Told {
  /** What they are, in words. */
  readonly says: string;
  /** Written one after the other; each has arrived before the next leaves. */
  readonly pieces: readonly Uint8Array[];
  /** Whether the connection begins with a hello, and with the token. Default true. */
  readonly greets?: boolean;
  /** Whether nothing follows them, so that a frame in them may be cut off. Default false. */
  readonly isAll?: boolean;
  /** Whether a hello that comes later counts. Default false: one check looks for it. */
  readonly countsHellos?: boolean;
  /** What is waited for; the end of the connection and the time of one exchange end the wait too. Default: the end alone, for a shorter time. */
  readonly until?: (frames: readonly Frame[]) => boolean;
}

/** What came of it. */
export interface Heard {
  readonly sent: string;
  readonly came: string;
  /** Every frame but the first hello. */
  readonly frames: readonly Frame[];
  /** Whether the plugin has ended the connection. */
  readonly hasEnded: boolean;
}

/** Opens nothing yet: each exchange has a connection of its own, unless a check asks for one to keep. */
export class SocketPeer implements Peer {
  readonly endpoint: HttpEndpoint;
  readonly #options: PeerOptions;
  readonly #lines: OpenLines<SocketLine>;
  readonly #form: WireForm<SocketRequest, SocketExchange>;
  readonly #nonce: string = createNonce();
  #trusted = false;

  constructor(endpoint: HttpEndpoint, options: PeerOptions) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#lines = new OpenLines((onSend) => new SocketLine(endpoint, options, onSend));
    this.#form = {
      ping: () => this.#pingRequest({}),
      exec: (call) => this.#callRequest(call, {}),
      pingReply: (exchange) => replyFrom(exchange, KINDS.pong),
      execReply: (exchange) => replyFrom(exchange, KINDS.result),
    };
  }

  get lastSent(): string {
    return this.#lines.lastSent;
  }

  statusOf(code: string): string {
    return code; // A frame has no other.
  }

  async identify(): Promise<PeerIdentity> {
    const hello = await this.hello();
    const said = hello.answer && readHello(hello.answer.frame);
    const features = said?.get("features");
    const knowsPolyplug = said?.has("polyplug") === true;
    this.#trusted = knowsPolyplug && this.#options.token !== undefined;
    return { knowsPolyplug, features: Array.isArray(features) ? features.filter((each) => typeof each === "string") : [] };
  }

  async ping(headers: HeaderChanges = {}): Promise<Reply> {
    return replyFrom(await this.#once(this.#pingRequest(headers)), KINDS.pong);
  }

  async exec(command: string, payload: Uint8Array, { headers = {} }: CallChanges = {}): Promise<Reply> {
    return replyFrom(await this.#once(this.#callRequest({ command, payload }, headers)), KINDS.result);
  }

  /** Says hello with these members changed, and asks for nothing else. */
  async hello(changes: Readonly<Record<string, unknown>> = {}): Promise<SocketExchange> {
    const { hello } = this.#greeting({});
    const content = { ...hello, ...changes };
    return await this.#lines.once((line) =>
      line.greet({ hello: content, token: undefined }, `the hello ${visible(JSON.stringify(content))}`)
    );
  }

  /** Sends bytes on a connection of their own. */
  async tell({ says, pieces, greets = true, isAll = false, countsHellos = false, until }: Told): Promise<Heard> {
    const greeting = this.#greeting({});
    const timeoutMs = until === undefined ? Math.min(END_MS, this.#options.timeoutMs) : this.#options.timeoutMs;
    const hasCome = until ?? (() => false);
    const sent = `${greets ? "" : "before any hello "}${says}`;
    return await this.#lines.once(async (line) => {
      if (greets) {
        const { came, answer } = await line.greet(greeting, "a hello");
        if (answer === undefined) return { sent: `a hello, for ${says}`, came, frames: [], hasEnded: false };
      }
      let [frames, hasEnded]: [readonly Frame[], boolean] = [[], false];
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const limits = { bytes, timeoutMs };
      const { came } = await line.use(sent, limits, async (stream) => {
        for (const [index, piece] of pieces.entries()) {
          if (index > 0) await this.#letItRead();
          // The answer may come before all has left, and the connection may end.
          if (index + 1 < pieces.length) await stream.write(piece);
          else void stream.write(piece);
        }
        if (isAll) stream.endWriting();
        const counted = (all: readonly Frame[]) => frames = greets && !countsHellos ? all.filter(({ kind }) => kind !== KINDS.hello) : all;
        await stream.until((all) => hasCome(counted(all)));
        hasEnded = stream.hasEnded && !hasCome(frames);
      });
      const all = frames.length === 0 ? [] : [describeFrames(frames)];
      const silence = came.replace("no answer", all.length > 0 ? "nothing more" : "nothing");
      const end = hasEnded ? "the connection ended" : came.startsWith("no answer") ? silence : "";
      return { sent, came: [...all, ...(end === "" ? [] : [end])].join("; then "), frames, hasEnded };
    });
  }

  line(): Line {
    return lineFrom(this.#lines.open(), this.#form);
  }

  async ended(): Promise<boolean> {
    const ping = this.#pingRequest({});
    return await this.#lines.ended(this.#options.timeoutMs, async (line) => (await line.ask(ping)).answer !== undefined);
  }

  close(): Promise<void> {
    this.#lines.close();
    return Promise.resolve();
  }

  /** Lets the plugin read what was written: by the time it has answered on another connection, it has been woken for this one too. */
  async #letItRead(): Promise<void> {
    const { lastSent } = this;
    await this.#once(this.#pingRequest({}));
    this.#lines.lastSent = lastSent;
  }

  async #once(request: SocketRequest): Promise<SocketExchange> {
    return await this.#lines.once((line) => line.ask(request));
  }

  #pingRequest(headers: HeaderChanges): SocketRequest {
    return { kind: KINDS.ping, body: NOTHING, greeting: this.#greeting(headers), shown: this.#shown("ping", headers) };
  }

  #callRequest({ command, payload }: Call, headers: HeaderChanges): SocketRequest {
    const content = payload.length === 0 ? "no payload" : `payload ${visibleBytes(payload, SHOWN_BYTES)}`;
    const shown = this.#shown(`call "${visible(command)}", ${content}`, headers);
    return { kind: KINDS.call, body: callBody({ command, payload }), greeting: this.#greeting(headers), shown };
  }

  /** What HTTP says in headers stands in the two hellos. */
  #greeting(headers: HeaderChanges): Greeting {
    const { host, token } = this.#options;
    const said = {
      polyplug: 1,
      host: HEADERS.host in headers ? headers[HEADERS.host] : host,
      ...(token === undefined ? {} : { nonce: this.#nonce }),
    };
    const usual = this.#trusted ? token : undefined;
    return { hello: said, token: HEADERS.authorization in headers ? headers[HEADERS.authorization]?.replace(/^Bearer /, "") : usual };
  }

  /** What is not as usual on the connection, behind what was sent on it. */
  #shown(what: string, headers: HeaderChanges): string {
    const host = HEADERS.host in headers ? ` after a hello with the host "${visible(headers[HEADERS.host] ?? "")}"` : "";
    const given = headers[HEADERS.authorization]?.replace(/^Bearer /, "");
    const token = HEADERS.authorization in headers ? given === undefined ? " without a token" : ` after the token "${given}"` : "";
    return withoutToken(`${what}${host}${token}`, this.#options.token);
  }
}

const NOTHING: Bytes = new Uint8Array(0);
const SHOWN_BYTES = 60;
/** How long a plugin may take to end a connection, when that is all that is waited for. */
const END_MS = 3000;

/** The answer to one frame; `right` is the kind of a right one. */
function replyFrom({ sent, came, answer }: SocketExchange, right: number): Reply {
  const last = answer === undefined || answer.frame.id === 0;
  const outcome = outcomeOf(answer?.frame, right);
  // The bytes of an answer are shown where they matter.
  const shown = answer !== undefined && outcome.kind === "answered" ? describeHead(answer.frame) : came;
  return { sent, came: shown, outcome, headers: new Map(), last };
}

function outcomeOf(came: Frame | undefined, right: number): Outcome {
  if (came === undefined) return { kind: "lost" };
  if (came.kind === KINDS.error) {
    const code = readError(came)?.code;
    return { kind: "refused", code, status: code ?? "" };
  }
  if (came.kind !== right) return { kind: "unreadable" };
  return { kind: "answered", bytes: right === KINDS.pong ? PONG : came.body };
}

const PONG: Bytes = new TextEncoder().encode("pong") as Bytes;
