/**
 * A plugin on the framed socket, its frames written by hand, that does all of section 10 but for one fault: serves it within the test, and
 * hands its address to `use`.
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { chmod } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { ConformTarget } from "../../host/conform/conform.ts";
import { createToken } from "../../protocol/proof.ts";
import { withFolder } from "../support.ts";

/** What is wrong, and how it was started. */
export interface SocketServedOptions {
  readonly fault?: string;
  readonly token?: string | undefined;
  readonly hosts?: readonly string[];
}

const MEBIBYTE = 1024 * 1024;
/** More than a payload of 1 MiB, which level `core` sends, and small beyond that. */
const LIMIT = MEBIBYTE + 256 * 1024;
const [HELLO, CALL, RESULT, ERROR, CANCEL, PING, PONG] = [1, 2, 3, 4, 8, 9, 10];

/** Serves it until `use` has ended. */
export async function withFaultySocket<T>(given: SocketServedOptions, use: (target: ConformTarget) => Promise<T>): Promise<T> {
  const token = "token" in given ? given.token : createToken();
  const plugin = new FaultyPlugin({ fault: "", hosts: [], ...given, token });
  return await withFolder(async (folder) => {
    await chmod(folder, given.fault === "private.open" ? 0o755 : 0o700);
    const open = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      open.add(socket);
      socket.on("error", () => {}).once("close", () => open.delete(socket));
      new Connection(socket, plugin);
    });
    const close = async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const each of open) each.destroy();
      await closed;
    };
    plugin.onShutdown = () => void setTimeout(close, 20);
    const path = join(folder, "s");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      return await use({ address: `unix:${path}`, commType: "socket", maxPayloadBytes: LIMIT, ...(token === undefined ? {} : { token }) });
    } finally {
      await close();
    }
  });
}

class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What all connections share. */
class FaultyPlugin {
  readonly options: Required<SocketServedOptions>;
  onShutdown = () => {};
  isDead = false;
  /** Whether the next call fails. */
  harmed = false;
  atOnce = 0;
  shared: Buffer = Buffer.alloc(0);
  readonly waiting: (() => void)[] = [];
  readonly connections: Connection[] = [];

  constructor(options: Required<SocketServedOptions>) {
    this.options = options;
  }

  has(fault: string): boolean {
    return this.options.fault === fault;
  }

  async run(command: string, payload: Buffer, isCancelled: () => boolean): Promise<Buffer> {
    const { hosts } = this.options;
    const limit = LIMIT - (this.has("limit.one_less") ? 1 : 0);
    if (payload.length > limit && !this.has("limit.none")) throw new Refusal("exec.too_large", "The payload is too large");
    if (this.harmed) {
      this.harmed = false;
      throw new Refusal("exec.failed", "A connection was lost");
    }
    if (command === "hello.echo") return await this.#echo(payload, isCancelled);
    if (command === "polyplug.info") {
      const commands = this.has("info.forgets") ? [] : [{ name: "hello.echo" }];
      return Buffer.from(
        this.has("info.text") ? "faulty 1.0.0" : JSON.stringify({ name: "f", version: "1", commands, subscribes: [], hosts }),
      );
    }
    if (command === "polyplug.shutdown") {
      if (!this.has("shutdown.stays")) this.onShutdown();
      return Buffer.alloc(0);
    }
    if (this.has("unknown.success") || (this.has("names.inherited") && command in {})) return Buffer.alloc(0);
    throw new Refusal(this.has("code.other") ? "exec.missing" : "exec.unknown_command", `There is no ${command}`);
  }

  async #echo(payload: Buffer, isCancelled: () => boolean): Promise<Buffer> {
    const text = payload.toString();
    if (this.has("exec.refuses")) throw new Error("Not today");
    if (this.has("echo.hex")) return Buffer.from(payload.toString("hex"));
    if (this.has("bytes.empty") && payload.length === 0) throw new Refusal("exec.bad_request", "The payload is missing");
    if (this.has("bytes.text")) return Buffer.from(text);
    if (this.has("bytes.large") && payload.length > 65_536) return payload.subarray(0, 65_536);
    if (this.has("bytes.mebibyte") && payload.length >= MEBIBYTE) return payload.subarray(0, 200 * 1024);
    if (this.has("calls.shared") && text.startsWith("at once")) {
      this.shared = payload;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return this.shared;
    }
    if (this.has("serving.broken")) {
      if (this.atOnce >= 8 && payload.length > 0) throw new Error("Too many calls today");
      if (text.startsWith("at once")) this.atOnce += 1;
    }
    if (this.has("cancel.all")) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isCancelled()) throw new Refusal("exec.cancelled", "Cancelled");
    }
    return payload;
  }
}

/** One connection and its calls. */
class Connection {
  readonly #socket: Socket;
  readonly #plugin: FaultyPlugin;
  #read: Buffer = Buffer.alloc(0);
  #greeted = false;
  #trusted: boolean;
  #ended = false;
  #calls = 0;
  #cancelled = false;
  #passOver = 0;

  constructor(socket: Socket, plugin: FaultyPlugin) {
    this.#socket = socket;
    this.#plugin = plugin;
    this.#trusted = plugin.options.token === undefined || plugin.has("token.ignored");
    plugin.connections.push(this);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    socket.once("close", () => {
      this.#ended = true;
      plugin.waiting.shift()?.();
    });
  }

  /** One connection at a time, if that is the fault: whether this one is the oldest that is open. */
  get #hasTurn(): boolean {
    return !this.#plugin.has("held.single") || this.#plugin.connections.find((each) => !each.#ended) === this;
  }

  #onData(chunk: Buffer): void {
    if (this.#plugin.isDead) return;
    // Takes what one read gives for one frame, or for the first bytes of one.
    if (this.#plugin.has("frames.one_read") && this.#greeted && chunk.length < 9) return;
    this.#read = Buffer.concat([this.#read, chunk]);
    if (!this.#hasTurn) return void this.#plugin.waiting.push(() => this.#readFrames());
    this.#readFrames();
  }

  #onEnd(): void {
    if (this.#plugin.has("truncated.runs") && this.#read.length > 9) {
      this.#onFrame(CALL, this.#read.readUInt32BE(5), this.#read.subarray(9));
    }
    setTimeout(() => this.#socket.end(), this.#plugin.has("truncated.runs") ? 20 : 0);
  }

  #readFrames(): void {
    const { has } = { has: (fault: string) => this.#plugin.has(fault) };
    for (;;) {
      const passed = Math.min(this.#passOver, this.#read.length);
      this.#passOver -= passed;
      this.#read = this.#read.subarray(passed);
      if (this.#ended || this.#read.length < 9) return;
      const [length, kind, id] = [this.#read.readUInt32BE(0) - 5, this.#read.readUInt8(4), this.#read.readUInt32BE(5)];
      const cap = this.#greeted || has("hello.large") ? LIMIT + 4096 : 8192;
      if (length < 0 && has("length.ignored")) this.#read = this.#read.subarray(9);
      else if (length < 0) return this.#refuse("The length is under 5");
      else if (length > 0xf0000000 && has("huge.dies")) return void (this.#plugin.isDead = true);
      else if (length > cap) {
        if (kind !== CALL || has("large.ends")) return this.#refuse("The frame is too large");
        this.#sendError(id, "exec.too_large", "The frame is too large");
        this.#passOver = length;
        this.#read = this.#read.subarray(9);
      } else if (this.#read.length < 9 + length) return;
      else {
        const body = this.#read.subarray(9, 9 + length);
        this.#read = has("frames.first_alone") && this.#greeted ? Buffer.alloc(0) : this.#read.subarray(9 + length);
        this.#onFrame(kind, id, body);
      }
    }
  }

  #onFrame(kind: number, id: number, body: Buffer): void {
    const plugin = this.#plugin;
    if (kind === HELLO) return this.#onHello(body);
    if (!this.#greeted && !(plugin.has("hello.skipped") && kind === CALL)) return this.#refuse("The first frame must be hello");
    if (kind === PING) {
      if (!plugin.has("ping.none")) this.#send(PONG, plugin.has("pong.signed") ? id & 0x7fffffff : id);
    } else if (kind === CANCEL) {
      this.#cancelled = true;
      plugin.harmed ||= plugin.has("dropped.harms");
    } else if (kind === CALL) void this.#onCall(id, body);
    else if (!plugin.has("kind.ignored")) this.#refuse(`There is no kind ${kind}`);
  }

  #onHello(body: Buffer): void {
    const { has, options: { token, hosts } } = { has: (fault: string) => this.#plugin.has(fault), options: this.#plugin.options };
    let hello: { host?: string; nonce?: string; token?: string };
    try {
      hello = JSON.parse(body.toString());
      if (Array.isArray(hello)) throw new SyntaxError("It is an array");
    } catch {
      if (has("hello.bad.hangs")) return;
      return this.#refuse("The hello is no JSON object");
    }
    if (hello.token !== undefined) {
      const isAlike = has("token.prefix") && hello.token !== "" && token?.startsWith(hello.token) === true;
      if (hello.token === token || isAlike || has("token.presence")) this.#trusted = true;
      if (has("token.answered")) this.#sendHello({ polyplug: 1 });
    }
    if (this.#greeted) return;
    if (has("hello.strict") && "later" in hello) return this.#refuse("There are keys too many");
    if (hosts.length > 0 && !hosts.includes(hello.host ?? "") && !has("hosts.ignored")) {
      this.#sendError(0, "exec.forbidden", `Host ${hello.host} is not listed`);
      return void this.#end();
    }
    this.#greeted = true;
    this.#sendHello(this.#greeting(hello.nonce));
  }

  #greeting(nonce: string | undefined): Record<string, unknown> {
    const { options: { token } } = this.#plugin;
    const has = (fault: string) => this.#plugin.has(fault);
    const features = has("features.misspelt") ? ["cancel", "info", "shut-down"] : ["cancel", "info", "shutdown"];
    const proof = token === undefined || nonce === undefined ? undefined : createHmac("sha256", token).update(nonce).digest("hex");
    return {
      polyplug: has("hello.version_text") ? "1" : 1,
      ...(has("features.none") ? {} : { features }),
      ...(proof === undefined ? {} : { proof: has("proof.upper_case") ? proof.toUpperCase() : proof }),
    };
  }

  async #onCall(id: number, body: Buffer): Promise<void> {
    const plugin = this.#plugin;
    const number = plugin.has("id.own") ? this.#calls + 1 : id;
    this.#calls += 1;
    if (plugin.has("reused.ends") && this.#calls > 1) return this.#end();
    try {
      if (!this.#trusted) {
        throw new Refusal(plugin.has("token.forbidden") ? "exec.forbidden" : "exec.unauthenticated", "The token is missing");
      }
      const { command, payload, timeoutMs, requestId } = this.#readCall(body);
      if (plugin.has("deadline.signed") && timeoutMs > 0x7fffffff) throw new Refusal("exec.timeout", "The deadline has passed");
      if (plugin.has("request_id.short") && requestId.length > 64) throw new Refusal("exec.bad_request", "The request id is too long");
      const answer = await plugin.run(command, payload, () => this.#cancelled);
      this.#send(RESULT, number, answer);
    } catch (error) {
      const { code, message } = error instanceof Refusal ? error : new Refusal("exec.failed", String(error));
      if (plugin.has("error.text")) return this.#send(ERROR, id, Buffer.from(message));
      this.#sendError(id, code, plugin.has("error.no_message") ? "" : message);
    }
  }

  #readCall(body: Buffer) {
    const texts: string[] = [];
    let at = 6;
    for (let each = 0; each < 4; each++) {
      const end = at + 1 + (body[at] ?? 0);
      if (end > body.length && !this.#plugin.has("call.unchecked")) throw new Refusal("exec.bad_request", "The lengths do not fit");
      texts.push(body.toString("utf8", at + 1, end));
      at = end;
    }
    const [requestId = "", , , command = ""] = texts;
    return { timeoutMs: body.length < 6 ? 0 : body.readUInt32BE(0), requestId, command, payload: body.subarray(at) };
  }

  #refuse(message: string): void {
    if (!this.#plugin.has("refused.silently")) this.#sendError(0, "exec.bad_request", message);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#socket.end(() => this.#socket.destroy());
  }

  #sendHello(content: unknown): void {
    this.#send(HELLO, 0, Buffer.from(JSON.stringify(content)));
  }

  #sendError(id: number, code: string, message: string): void {
    this.#send(ERROR, id, Buffer.concat([Buffer.of(code.length), Buffer.from(code + message)]));
  }

  #send(kind: number, id: number, body: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(9);
    head.writeUInt32BE(body.length + 5, 0);
    head.writeUInt8(kind, 4);
    head.writeUInt32BE(id >>> 0, 5);
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat([head, body]));
  }
}
