/**
 * One connection to the plugin that is being checked: takes requests, gives what came in words fit to be shown. Only an abort rejects.
 * @module
 */
import { isPluginError } from "../../protocol/errors.ts";
import { HEADERS } from "../../protocol/headers.ts";
import { JSON_TYPE, jsonCap } from "../../protocol/rest/wire.ts";
import { bounded } from "../bounded.ts";
import { NoAnswer } from "./byte_queue.ts";
import { visible, visibleBytes } from "./evidence.ts";
import { type HttpAnswer, type HttpEndpoint, type HttpLine, type HttpRequest, openHttpLine } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";

/** One HTTP exchange with its evidence. */
export interface HttpExchange {
  readonly sent: string;
  readonly came: string;
  /** `undefined` when nothing came that is HTTP. */
  readonly answer: HttpAnswer | undefined;
}

/** A large body gets more time, by this: who takes 16 MiB in hex on a busy machine is slow and not wrong. */
const BYTES_PER_MORE_MS = 1024;

/** A connection, made at its first use. */
export class RestLine {
  readonly #endpoint: HttpEndpoint;
  readonly #options: PeerOptions;
  readonly #onSend: (sent: string) => void;
  #line: HttpLine | undefined;

  constructor(endpoint: HttpEndpoint, options: PeerOptions, onSend: (sent: string) => void) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#onSend = onSend;
  }

  /** Connects and sends nothing. */
  async open(): Promise<HttpExchange> {
    return await this.#exchange("a connection, and nothing on it", 0, () => Promise.resolve(undefined));
  }

  /** Sends a request and reads the answer to it. */
  async ask(request: HttpRequest): Promise<HttpExchange> {
    const moreMs = Math.floor((request.body?.length ?? 0) / BYTES_PER_MORE_MS);
    return await this.#exchange(this.#describe(request), moreMs, async (line) => {
      // The answer may come before all has left, when the plugin refuses what is too large.
      void line.write(line.encode(request));
      return await line.read();
    });
  }

  /** Sends one half of a request: the first has the head and half of the body; the answer to the second is read. */
  async sendHalf(half: "first" | "second", request: HttpRequest): Promise<HttpExchange> {
    return await this.#exchange(`the ${half} half of ${this.#describe(request)}`, 0, async (line) => {
      const bytes = line.encode(request);
      const middle = bytes.length - Math.floor((request.body?.length ?? 0) / 2);
      await line.write(half === "first" ? bytes.subarray(0, middle) : bytes.subarray(middle));
      return half === "first" ? undefined : await line.read();
    });
  }

  /** Sends a request and reads no answer. */
  async sendOnly(request: HttpRequest): Promise<HttpExchange> {
    return await this.#exchange(this.#describe(request), 0, async (line) => {
      await line.write(line.encode(request));
      return undefined;
    });
  }

  /** Waits until the plugin closes the connection, for at most the time of one exchange. */
  async closed(): Promise<void> {
    await this.#exchange("nothing", 0, async (line) => {
      await line.closed();
      return undefined;
    });
  }

  close(): void {
    this.#line?.close();
  }

  async #exchange(sent: string, moreMs: number, run: (line: HttpLine) => Promise<HttpAnswer | undefined>): Promise<HttpExchange> {
    const { signal, maxPayloadBytes } = this.#options;
    const timeoutMs = this.#options.timeoutMs + moreMs;
    this.#onSend(sent);
    try {
      const limits = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
      const answer = await bounded(sent, "", limits, async (_left, lineSignal) => {
        this.#line ??= await openHttpLine(this.#endpoint, { mostBytes: jsonCap(maxPayloadBytes), signal: lineSignal });
        return await run(this.#line);
      });
      return { sent, answer, came: answer === undefined ? "nothing" : describeAnswer(answer) };
    } catch (error) {
      this.close();
      signal?.throwIfAborted();
      if (error instanceof NoAnswer) return { sent, answer: undefined, came: `no answer: ${error.message}` };
      const late = isPluginError(error) && error.code === "caller.timeout";
      if (late) return { sent, answer: undefined, came: `no answer within ${timeoutMs} ms` };
      throw error;
    }
  }

  /** A request in one line: what every request has is left out, and the token is never shown. */
  #describe({ method, path, headers = {}, body = "" }: HttpRequest): string {
    const { host, token } = this.#options;
    const usual = new Map([[HEADERS.host as string, host], ["content-type", JSON_TYPE], ["connection", "close"]]);
    if (token !== undefined) usual.set(HEADERS.authorization, `Bearer ${token}`);
    const unusual = Object.entries(headers).filter(([name, value]) => usual.get(name) !== value).map(([name, value]) =>
      `${name}: ${value}`
    );
    const shown = typeof body === "string" ? visible(body) : visibleBytes(body);
    const text = `${method} ${path}${unusual.length > 0 ? ` with ${unusual.join(", ")}` : ""}${shown === "" ? "" : `, body ${shown}`}`;
    // A check sends a part of it, too.
    return token === undefined ? text : text.replaceAll(token, "<token>").replaceAll(token.slice(0, -1), "<token without its end>");
  }
}

/** An answer in one line. */
function describeAnswer({ status, body }: HttpAnswer): string {
  return `status ${status}, ${body.length === 0 ? "no body" : `body ${visibleBytes(body)}`}`;
}
