/**
 * The way over stdin and stdout to the plugin that is being checked: takes its pipes, gives a `Peer` that can also send any line.
 * @module
 */
import type { Channel, Endpoint } from "../../protocol/endpoint.ts";
import { HEADERS } from "../../protocol/headers.ts";
import { decodeHex, encodeHex } from "../../protocol/hex.ts";
import type { Bytes } from "../../protocol/caller.ts";
import { visible, visibleBytes } from "./evidence.ts";
import { exchange } from "./exchange.ts";
import type { Call, CallChanges, HeaderChanges, Line, Outcome, Peer, PeerIdentity, PeerOptions, Reply } from "./peer.ts";
import { type Came, FIRST_ID, StdioPipe } from "./stdio_pipe.ts";

/** One request, and how it is sent. */
export interface Request {
  readonly method: string;
  readonly params?: unknown;
  /** Default: the next number. */
  readonly id?: number | string;
  /** What it is, in words; default: its line. */
  readonly shown?: string;
  /** Sends the line, with its newline. Default: at once and whole. */
  readonly send?: (line: string, pipe: StdioPipe) => Promise<void>;
}

/** One exchange with its evidence. */
export interface StdioExchange {
  readonly sent: string;
  readonly came: string;
  /** `undefined` when nothing came that answers. */
  readonly answer: Came | undefined;
  readonly id: number | string;
}

/** All exchanges are on one pair of pipes. */
export class StdioPeer implements Peer {
  readonly endpoint: Endpoint;
  readonly pipe: StdioPipe;
  lastSent = "nothing";
  readonly #options: PeerOptions;
  readonly #giveBack: () => void;
  #lastId = FIRST_ID;

  constructor(channel: Channel, options: PeerOptions, giveBack: () => void) {
    this.endpoint = { kind: "pipes", channel };
    this.pipe = new StdioPipe(channel, options.maxPayloadBytes);
    this.#options = options;
    this.#giveBack = giveBack;
  }

  statusOf(code: string): string {
    return code; // The numbers of JSON-RPC say less.
  }

  async identify(): Promise<PeerIdentity> {
    const said = resultOf((await this.#ping({})).answer);
    const { polyplug, features } = isRecord(said) ? said : {};
    const listed = Array.isArray(features) ? features.filter((each) => typeof each === "string") : [];
    return { knowsPolyplug: polyplug !== undefined, features: listed };
  }

  async ping(headers: HeaderChanges = {}): Promise<Reply> {
    return replyFrom(await this.#ping(headers), (result) => {
      const response = isRecord(result) ? result["response"] : result;
      return typeof response === "string" ? new TextEncoder().encode(response) : undefined;
    });
  }

  async exec(command: string, payload: Uint8Array, { headers = {} }: CallChanges = {}): Promise<Reply> {
    return this.replyTo(await this.ask(this.callOf({ command, payload }, headers)));
  }

  /** What a call's answer means. */
  replyTo(exchanged: StdioExchange): Reply {
    return replyFrom(exchanged, (result) => {
      const response = isRecord(result) ? result["response"] : undefined;
      return typeof response === "string" ? decodeHex(response) : undefined;
    });
  }

  /** An ordinary call. */
  callOf({ command, payload }: Call, headers: HeaderChanges = {}): Request {
    const content = payload.length === 0 ? "no payload" : `payload ${visibleBytes(payload, SHOWN_BYTES)}`;
    const params = { command, payload: encodeHex(payload), meta: this.#meta(headers) };
    return { method: "exec", params, shown: `exec of "${visible(command)}", ${content}` };
  }

  /** Sends one request and waits for its answer. */
  async ask({ method, params, id = ++this.#lastId, shown, send }: Request): Promise<StdioExchange> {
    const line = JSON.stringify({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    const sent = this.lastSent = shown ?? `the line ${visible(line)}`;
    const exchanged = await exchange({ sent, bytes: line.length }, this.#options, async (signal) => {
      const answer = this.pipe.answerTo(id, signal);
      answer.catch(() => {}); // It is awaited below, when the line has been sent.
      await (send ?? ((text, pipe) => pipe.send(text)))(`${line}\n`, this.pipe);
      return await answer;
    });
    const came = exchanged.answer === undefined ? ("came" in exchanged ? exchanged.came : "nothing") : visible(exchanged.answer.line);
    return { sent, came, answer: exchanged.answer, id };
  }

  /** Sends lines that ask for nothing. */
  async tell(lines: string, shown: string): Promise<void> {
    this.lastSent = shown;
    await this.pipe.send(lines);
  }

  line(): Line {
    return {
      isShared: true,
      open: () => Promise.resolve(),
      ping: () => this.ping(),
      exec: ({ command, payload }) => this.exec(command, payload),
      begin: () => Promise.resolve("nothing"), // Half a line keeps every other from the pipe.
      finish: ({ command, payload }) => this.exec(command, payload),
      giveUp: async (call) => void await this.giveUp(call),
      close: () => {},
    };
  }

  /** Sends a call and takes it back at once; the answer comes nevertheless. */
  async giveUp(call: Call): Promise<StdioExchange> {
    const id = ++this.#lastId;
    const request = this.callOf(call);
    const cancel = JSON.stringify({ jsonrpc: "2.0", method: "$/cancel", params: { id } });
    const send = (line: string, pipe: StdioPipe) => pipe.send(`${line}${cancel}\n`);
    return await this.ask({ ...request, id, shown: `${request.shown ?? ""}, then $/cancel of it`, send });
  }

  async ended(): Promise<boolean> {
    const { answer } = await exchange({ sent: "nothing" }, this.#options, async () => {
      await this.pipe.ended();
      return true;
    });
    return answer === true;
  }

  close(): Promise<void> {
    this.#giveBack();
    return Promise.resolve();
  }

  async #ping(headers: HeaderChanges): Promise<StdioExchange> {
    return await this.ask({ method: "ping", params: { meta: this.#meta(headers) } });
  }

  #meta(headers: HeaderChanges): Record<string, string> {
    const usual: Record<string, string | undefined> = { [HEADERS.host]: this.#options.host, ...headers };
    return Object.fromEntries(Object.entries(usual).filter((entry): entry is [string, string] => entry[1] !== undefined));
  }
}

const SHOWN_BYTES = 60;

/** The result of an answer, if it has one. */
export function resultOf(came: Came | undefined): unknown {
  return came?.members["result"];
}

/** Whether a value has members. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function replyFrom({ sent, came, answer }: StdioExchange, read: (result: unknown) => Uint8Array | undefined): Reply {
  return { sent, came, outcome: outcomeOf(answer, read), headers: new Map(), last: false };
}

function outcomeOf(came: Came | undefined, read: (result: unknown) => Uint8Array | undefined): Outcome {
  if (came === undefined) return { kind: "lost" };
  const { error } = came.members;
  if (isRecord(error)) {
    const own = isRecord(error["data"]) ? error["data"]["code"] : undefined;
    const code = typeof own === "string" ? own : undefined;
    return { kind: "refused", code, status: code ?? String(error["code"]) };
  }
  const bytes = read(resultOf(came));
  return bytes === undefined ? { kind: "unreadable" } : { kind: "answered", bytes: bytes as Bytes };
}
