/**
 * A connection of frames: takes a socket, gives the frames that come on it, and writes any bytes. Nothing is put right.
 * @module
 */
import type { Socket } from "node:net";
import { ByteQueue, NoAnswer } from "./byte_queue.ts";
import { visibleBytes } from "./evidence.ts";
import { COUNTED, type Frame, HEAD_BYTES } from "./frames.ts";

/** One connection. */
export class FrameStream {
  /** What came and was not taken, in its order. */
  readonly frames: Frame[] = [];
  readonly #socket: Socket;
  readonly #mostBytes: number;
  readonly #received: ByteQueue;
  readonly #closed: Promise<unknown>;
  #receivedBytes = 0;
  #readBytes = 0;
  #end: NoAnswer | undefined;
  #changed = Promise.withResolvers<void>();

  /** `mostBytes` bounds the body of a frame. */
  constructor(socket: Socket, mostBytes: number) {
    this.#socket = socket;
    this.#mostBytes = mostBytes;
    this.#closed = new Promise((resolve) => socket.once("close", resolve));
    const received = this.#received = new ByteQueue(mostBytes + HEAD_BYTES);
    socket.on("data", (chunk: Uint8Array) => {
      this.#receivedBytes += chunk.length;
      received.push(chunk);
    });
    socket.on("end", () => received.end()).on("close", () => received.end()).on("error", (error) => received.end(error));
    void this.#read();
  }

  /** Whether nothing more comes. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves when the bytes have left, or cannot leave any more. */
  async write(bytes: Uint8Array): Promise<void> {
    await Promise.race([new Promise((resolve) => this.#socket.write(bytes, resolve)), this.#closed]);
  }

  /** Writes nothing more; what comes is read on. */
  endWriting(): void {
    this.#socket.end();
  }

  /**
   * Waits for a frame of this kind and takes it; the others stay.
   * @throws {NoAnswer} when none can come any more.
   */
  async take(isWanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const at = this.frames.findIndex(isWanted);
      const [found] = at < 0 ? [] : this.frames.splice(at, 1);
      if (found !== undefined) return found;
      if (this.#end !== undefined) throw this.#end;
      await this.#changed.promise;
    }
  }

  /** Waits until this holds, or nothing more comes. */
  async until(holds: (frames: readonly Frame[]) => boolean): Promise<void> {
    while (!holds(this.frames) && this.#end === undefined) await this.#changed.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        this.frames.push(await this.#readFrame());
        this.#change();
      }
    } catch (error) {
      this.#end = this.#endFrom(error);
      this.#socket.destroy();
      this.#change();
    }
  }

  async #readFrame(): Promise<Frame> {
    const head = await this.#received.take(HEAD_BYTES);
    const [length, kind, id] = [head.readUInt32BE(0), head.readUInt8(4), head.readUInt32BE(5)];
    const what = `the bytes ${head.toString("hex")} came where a frame begins`;
    if (length < COUNTED) throw new WrongFrame(`${what}: their length is ${length}, under ${COUNTED}`);
    if (length - COUNTED > this.#mostBytes) {
      throw new WrongFrame(`${what} ("${visibleBytes(head)}"): their length is ${length}, more than a frame may have`);
    }
    const body = new Uint8Array(await this.#received.take(length - COUNTED));
    this.#readBytes += HEAD_BYTES + body.length;
    return { kind, id, body };
  }

  #endFrom(error: unknown): NoAnswer {
    if (error instanceof WrongFrame) return error;
    const isCut = this.#receivedBytes > this.#readBytes;
    return new NoAnswer(isCut ? "the connection was closed in the middle of a frame" : "the connection was closed without an answer");
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** What came is no frame, so that nothing behind it can be read. */
class WrongFrame extends NoAnswer {}
