/**
 * One connection of the framed socket to the plugin that is being checked: takes requests, gives what came in words fit to be shown.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { NoAnswer } from "./byte_queue.ts";
import { exchange } from "./exchange.ts";
import { FrameStream } from "./frame_stream.ts";
import { describeFrame, type Frame, frame, HEAD_BYTES, helloFrame, KINDS } from "./frames.ts";
import { type HttpEndpoint, openSocket } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";
import type { WireLine } from "./peer_line.ts";

/** What the host says first on a connection. */
export interface Greeting {
  readonly hello: Readonly<Record<string, unknown>>;
  /** What the second hello carries; `undefined` for none. */
  readonly token: string | undefined;
}

/** One frame to be sent on a connection that has begun with this greeting; the line chooses its id. */
export interface SocketRequest {
  readonly kind: number;
  readonly body: Bytes;
  readonly greeting: Greeting;
  /** All of it, in one line. */
  readonly shown: string;
}

/** What came. */
export interface SocketAnswer {
  /** The frame that answers; an error of id 0 when the whole connection was refused. */
  readonly frame: Frame;
  /** The id that was asked with. */
  readonly asked: number;
}

/** One exchange with its evidence. */
export interface SocketExchange {
  readonly sent: string;
  readonly came: string;
  /** `undefined` when no frame came that answers. */
  readonly answer: SocketAnswer | undefined;
}

/** The room for what stands beside a payload. */
const META_BYTES = 64 * 1024;

/** A connection, made at its first use; it greets before its first request. */
export class SocketLine implements WireLine<SocketRequest, SocketExchange> {
  readonly isShared = true;
  readonly #endpoint: HttpEndpoint;
  readonly #options: PeerOptions;
  readonly #onSend: (sent: string) => void;
  #stream: Promise<FrameStream> | undefined;
  #greeting: Promise<Frame> | undefined;
  #isGreeted = false;
  #lastId = -1;
  #open = 0;
  #begun: { readonly id: number; readonly rest: Uint8Array } | undefined;

  constructor(endpoint: HttpEndpoint, options: PeerOptions, onSend: (sent: string) => void) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#onSend = onSend;
  }

  async open(): Promise<void> {
    await this.use("a connection, and nothing on it", {}, () => Promise.resolve(undefined));
  }

  async ask(request: SocketRequest): Promise<SocketExchange> {
    return await this.#exchange(request.shown, request, async (stream, id) => {
      void stream.write(frame(request.kind, id, request.body));
      return await this.#answerTo(stream, id);
    });
  }

  async begin(request: SocketRequest): Promise<SocketExchange> {
    return await this.#exchange(`the first half of ${request.shown}`, request, async (stream, id) => {
      const bytes = frame(request.kind, id, request.body);
      const middle = HEAD_BYTES + Math.ceil(request.body.length / 2);
      this.#begun = { id, rest: bytes.subarray(middle) };
      await stream.write(bytes.subarray(0, middle));
      return undefined;
    });
  }

  async finish(request: SocketRequest): Promise<SocketExchange> {
    return await this.#exchange(`the second half of ${request.shown}`, request, async (stream) => {
      if (this.#begun === undefined) throw new NoAnswer("no call was begun");
      const { id, rest } = this.#begun;
      await stream.write(rest);
      return await this.#answerTo(stream, id);
    });
  }

  async giveUp(request: SocketRequest): Promise<void> {
    await this.#exchange(request.shown, request, async (stream, id) => {
      await stream.write(frame(request.kind, id, request.body));
      await stream.write(frame(KINDS.cancel, id));
      return undefined;
    });
  }

  /** Says hello, and gives the frame that came for it. */
  async greet(greeting: Greeting, shown: string): Promise<SocketExchange> {
    const { came, answer } = await this.use(shown, {}, (stream) => this.#greet(stream, greeting));
    return { sent: shown, came: answer === undefined ? came : describeFrame(answer), answer: answer && { frame: answer, asked: 0 } };
  }

  async closed(): Promise<void> {
    await this.use("nothing", {}, (stream) => stream.until(() => false));
  }

  close(): void {
    this.#stream?.then((stream) => stream.close(), () => {}); // What could not be opened needs no end.
  }

  /** Does anything with the connection, within the time of one exchange. */
  async use<T>(
    sent: string,
    { bytes = 0, timeoutMs = this.#options.timeoutMs }: { readonly bytes?: number; readonly timeoutMs?: number },
    run: (stream: FrameStream) => Promise<T>,
  ): Promise<{ readonly answer: T | undefined; readonly came: string }> {
    this.#onSend(sent);
    const exchanged = await exchange({ sent, bytes }, { ...this.#options, timeoutMs }, async (signal) => {
      const { maxPayloadBytes } = this.#options;
      this.#stream ??= openSocket(this.#endpoint, signal).then((socket) => new FrameStream(socket, maxPayloadBytes + META_BYTES));
      return await run(await this.#stream);
    });
    if ("came" in exchanged) this.close();
    const lost = "came" in exchanged ? exchanged.came : "nothing";
    const greeted = this.#greeting === undefined || this.#isGreeted ? "" : ", not even to the hello";
    return { answer: exchanged.answer, came: `${lost}${greeted}` };
  }

  async #exchange(
    sent: string,
    { body, greeting }: SocketRequest,
    run: (stream: FrameStream, id: number) => Promise<Frame | undefined>,
  ): Promise<SocketExchange> {
    const id = this.#lastId += 2;
    const { answer, came } = await this.use(sent, { bytes: body.length }, async (stream) => {
      const first = await this.#greet(stream, greeting);
      return first.kind === KINDS.hello ? await run(stream, id) : first;
    });
    return { sent, answer: answer && { frame: answer, asked: id }, came: answer === undefined ? came : describeFrame(answer) };
  }

  /** What comes first: a hello, when all is well. */
  #greet(stream: FrameStream, { hello, token }: Greeting): Promise<Frame> {
    return this.#greeting ??= (async () => {
      await stream.write(helloFrame(hello));
      const first = await stream.take(() => true);
      this.#isGreeted = true;
      if (first.kind === KINDS.hello && token !== undefined) await stream.write(helloFrame({ token }));
      return first;
    })();
  }

  /** An answer of another id is taken for this one's while nothing else is open, so that the check of ids can tell of it. */
  async #answerTo(stream: FrameStream, id: number): Promise<Frame> {
    this.#open += 1;
    try {
      return await stream.take((came) => {
        if (came.kind === KINDS.hello) return false;
        const isStray = this.#open === 1 && (came.id > this.#lastId || came.id % 2 === 0);
        return came.id === id || (came.id === 0 && came.kind === KINDS.error) || isStray;
      });
    } finally {
      this.#open -= 1;
    }
  }
}
