/**
 * One HTTP/1.1 connection to the plugin that is being checked: takes requests, gives what came in words fit to be shown. Only an abort rejects.
 * @module
 */
import { HEADERS } from "../../protocol/headers.ts";
import { JSON_TYPE, jsonCap } from "../../protocol/rest/wire.ts";
import { unusual, visible, visibleBytes, withoutToken } from "./evidence.ts";
import { exchange } from "./exchange.ts";
import { type HttpAnswer, type HttpEndpoint, type HttpLine, type HttpRequest, openHttpLine } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";

/** One HTTP exchange with its evidence. */
export interface HttpExchange {
  readonly sent: string;
  readonly came: string;
  /** `undefined` when nothing came that is HTTP. */
  readonly answer: HttpAnswer | undefined;
}

/** A connection, made at its first use. */
export class RestLine {
  readonly isShared = false;
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
  async open(): Promise<void> {
    await this.#exchange("a connection, and nothing on it", 0, () => Promise.resolve(undefined));
  }

  /** Sends a request and reads the answer to it. */
  async ask(request: HttpRequest): Promise<HttpExchange> {
    return await this.#exchange(this.#describe(request), request.body?.length ?? 0, async (line) => {
      // The answer may come before all has left, when the plugin refuses what is too large.
      void line.write(line.encode(request));
      return await line.read();
    });
  }

  /** Sends the head of a request and half of its body. */
  async begin(request: HttpRequest): Promise<HttpExchange> {
    return await this.#exchange(`the first half of ${this.#describe(request)}`, 0, async (line) => {
      await line.write(halves(line, request)[0]);
      return undefined;
    });
  }

  /** Sends the rest and reads the answer. */
  async finish(request: HttpRequest): Promise<HttpExchange> {
    return await this.#exchange(`the second half of ${this.#describe(request)}`, 0, async (line) => {
      await line.write(halves(line, request)[1]);
      return await line.read();
    });
  }

  /** Sends a request, reads no answer and closes. */
  async giveUp(request: HttpRequest): Promise<void> {
    await this.#exchange(this.#describe(request), 0, async (line) => {
      await line.write(line.encode(request));
      return undefined;
    });
    this.close();
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

  async #exchange(sent: string, bytes: number, run: (line: HttpLine) => Promise<HttpAnswer | undefined>): Promise<HttpExchange> {
    this.#onSend(sent);
    const exchanged = await exchange({ sent, bytes }, this.#options, async (signal) => {
      this.#line ??= await openHttpLine(this.#endpoint, { mostBytes: jsonCap(this.#options.maxPayloadBytes), signal });
      return await run(this.#line);
    });
    if ("came" in exchanged) this.close();
    const { answer } = exchanged;
    return { sent, answer, came: "came" in exchanged ? exchanged.came : answer === undefined ? "nothing" : describeAnswer(answer) };
  }

  /** A request in one line: what every request has is left out, and the token is never shown. */
  #describe({ method, path, headers = {}, body = "", shown }: HttpRequest): string {
    const { host, token } = this.#options;
    if (shown !== undefined) return shown;
    const usual = { [HEADERS.host]: host, "content-type": JSON_TYPE, connection: "close" };
    const authorized = token === undefined ? {} : { [HEADERS.authorization]: `Bearer ${token}` };
    const content = typeof body === "string" ? visible(body) : visibleBytes(body);
    const text = `${method} ${path}${unusual(headers, { ...usual, ...authorized })}${content === "" ? "" : `, body ${content}`}`;
    return withoutToken(text, token);
  }
}

function halves(line: HttpLine, request: HttpRequest): readonly [first: Uint8Array, second: Uint8Array] {
  const bytes = line.encode(request);
  const middle = bytes.length - Math.floor((request.body?.length ?? 0) / 2);
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}

/** An answer in one line. */
function describeAnswer({ status, body }: HttpAnswer): string {
  return `status ${status}, ${body.length === 0 ? "no body" : `body ${visibleBytes(body)}`}`;
}
