/**
 * One gRPC connection to the plugin that is being checked: takes calls, sends each once on a stream of its own, gives what came.
 * @module
 */
import { Buffer } from "node:buffer";
import { type ClientHttp2Stream, constants } from "node:http2";
import { messageCap } from "../../protocol/grpc/wire.ts";
import { NoAnswer } from "./byte_queue.ts";
import { exchange } from "./exchange.ts";
import { GrpcSession, PREFIX_BYTES } from "./grpc_session.ts";
import type { HttpEndpoint } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";
import { describeAnswer, type RpcAnswer, type RpcCall, type RpcExchange, type RpcLine } from "./rpc_call.ts";

/** A connection, made at its first use. */
export class GrpcLine implements RpcLine {
  readonly isShared = true;
  readonly #endpoint: HttpEndpoint;
  readonly #options: PeerOptions;
  readonly #onSend: (sent: string) => void;
  #session: Promise<GrpcSession> | undefined;
  #begun: ClientHttp2Stream | undefined;

  constructor(endpoint: HttpEndpoint, options: PeerOptions, onSend: (sent: string) => void) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#onSend = onSend;
  }

  async open(): Promise<void> {
    await this.#exchange("a connection, and nothing on it", 0, () => Promise.resolve(undefined));
  }

  async ask(call: RpcCall): Promise<RpcExchange> {
    return await this.#exchange(call.shown, call.body.length, async (session) => {
      const stream = session.start(call);
      const answer = session.read(stream);
      stream.end(framed(call.body));
      return await answer;
    });
  }

  async begin(call: RpcCall): Promise<RpcExchange> {
    return await this.#exchange(`the first half of ${call.shown}`, 0, async (session) => {
      this.#begun = session.start(call);
      await written(this.#begun, halves(call)[0]);
      return undefined;
    });
  }

  async finish(call: RpcCall): Promise<RpcExchange> {
    return await this.#exchange(`the second half of ${call.shown}`, 0, async (session) => {
      if (this.#begun === undefined) throw new NoAnswer("no call was begun");
      const answer = session.read(this.#begun);
      this.#begun.end(halves(call)[1]);
      return await answer;
    });
  }

  async giveUp(call: RpcCall): Promise<void> {
    await this.#exchange(call.shown, 0, async (session) => {
      const stream = session.start(call);
      await written(stream, framed(call.body));
      stream.close(constants.NGHTTP2_CANCEL);
      return undefined;
    });
  }

  async closed(): Promise<void> {
    await this.#exchange("nothing", 0, async (session) => {
      await session.closed;
      return undefined;
    });
  }

  close(): void {
    this.#session?.then((session) => session.close(), () => {}); // What could not be opened needs no end.
  }

  async #exchange(sent: string, bytes: number, run: (session: GrpcSession) => Promise<RpcAnswer | undefined>): Promise<RpcExchange> {
    this.#onSend(sent);
    const exchanged = await exchange({ sent, bytes }, this.#options, async (signal) => {
      this.#session ??= GrpcSession.open(this.#endpoint, { mostBytes: messageCap(this.#options.maxPayloadBytes), signal });
      return await run(await this.#session);
    });
    if ("came" in exchanged) this.close();
    const { answer } = exchanged;
    return { sent, answer, came: "came" in exchanged ? exchanged.came : answer === undefined ? "nothing" : describeAnswer(answer) };
  }
}

/** Resolves when the bytes have left, or cannot leave any more. */
async function written(stream: ClientHttp2Stream, bytes: Uint8Array): Promise<void> {
  const closed = new Promise((resolve) => stream.once("close", resolve));
  await Promise.race([new Promise((resolve) => stream.write(bytes, resolve)), closed]);
}

function framed(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function halves({ body }: RpcCall): readonly [first: Uint8Array, second: Uint8Array] {
  const bytes = framed(body);
  const middle = PREFIX_BYTES + Math.ceil(body.length / 2);
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}
