/**
 * The service of plugin.proto, written without a library, that does all of the contract but for one fault: takes requests, gives answers.
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { field } from "../protocol/grpc/messages.ts";

/** What the fixture is. */
export interface FaultyOptions {
  readonly fault: string;
  readonly token: string | undefined;
  readonly limit: number;
  readonly hosts: readonly string[];
  readonly dialect: "seed" | "goplugin-1";
}

/** A request, whatever the wire. */
export interface ServiceRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly json: boolean;
  /** Resolves when the caller is gone. */
  readonly gone: Promise<void>;
}

/** An answer; status 0 is the right one. */
export interface ServiceAnswer {
  readonly status: number;
  readonly message: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** gRPC's numbers of the statuses that it gives. */
const STATUS = { Unknown: 2, InvalidArgument: 3, PermissionDenied: 7, ResourceExhausted: 8, Unimplemented: 12, Unauthenticated: 16 };

class Refusal extends Error {
  readonly status: keyof typeof STATUS;
  readonly code: string;

  constructor(status: keyof typeof STATUS, code: string, message: string) {
    super(message);
    [this.status, this.code] = [status, code];
  }
}

/** Answers requests. */
export class FaultyService {
  readonly #options: FaultyOptions;
  readonly #end: (answered: Promise<void>) => void;
  #shared: Buffer = Buffer.alloc(0);
  #atOnce = 0;
  /** Requests whose body is still coming; a fault takes them back with another. */
  readonly arriving = new Set<object>();
  readonly #cancelled = new Set<object>();
  /** Whether the next call fails. */
  harmed = false;

  constructor(options: FaultyOptions, end: (answered: Promise<void>) => void) {
    this.#options = options;
    this.#end = end;
  }

  has(fault: string): boolean {
    return this.#options.fault === fault;
  }

  /** The caller of a request is gone before its answer. */
  takeBack(id: object): void {
    this.arriving.delete(id);
    if (this.has("cancel.shared")) { for (const other of this.arriving) this.#cancelled.add(other); }
  }

  async answer(request: ServiceRequest, id: object): Promise<ServiceAnswer> {
    try {
      if (this.#cancelled.has(id)) throw new Refusal("Unknown", "exec.cancelled", "Cancelled");
      const found = request.method === "Ping" ? this.#ping(request) : await this.#exec(request);
      return { status: 0, message: "", ...found };
    } catch (error) {
      return this.#refused(error instanceof Refusal ? error : new Refusal("Unknown", "exec.failed", String(error)));
    }
  }

  #refused({ status, code, message }: Refusal): ServiceAnswer {
    const said = this.has("error.no_message") ? "" : message;
    const isUnread = this.has("bad_request.unknown") && code === "exec.bad_request";
    const headers: Record<string, string> = this.has("code.none") ? {} : { "x-error-code": code };
    return { status: STATUS[isUnread ? "Unknown" : status], message: said, body: Buffer.alloc(0), headers };
  }

  #ping({ headers, json }: ServiceRequest) {
    if (this.has("ping.none")) throw new Refusal("Unimplemented", "exec.not_found", "There is no Ping");
    this.#checkPage(headers);
    this.#checkHost(headers);
    const { token } = this.#options;
    const features = this.has("features.misspelt") ? "raw,cancel,info,shut-down" : "raw,cancel,info,shutdown";
    const said: Record<string, string> = this.has("identity.none") ? {} : { "x-polyplug": `1; features=${features}` };
    const nonce = headers["x-polyplug-nonce"];
    if (nonce !== undefined && token !== undefined) {
      const proof = createHmac("sha256", token).update(nonce).digest("hex");
      said["x-polyplug-proof"] = this.has("proof.upper_case") ? proof.toUpperCase() : proof;
    }
    const status = this.has("ping.status") ? "ok" : "success";
    const response = Buffer.from(this.has("ping.capital") ? "Pong" : "pong");
    return { body: this.#encode({ status, response, json: json && !this.has("json.none") }), headers: said };
  }

  async #exec(request: ServiceRequest) {
    const { headers, json } = request;
    this.#checkPage(headers);
    if (request.method !== "Exec" && !this.has("path.any")) {
      throw new Refusal("Unimplemented", "exec.not_found", `There is no ${request.method}`);
    }
    const said = this.has("raw.ignored") ? undefined : headers["x-payload"];
    const raw = !json && (said === undefined ? this.#options.dialect === "goplugin-1" : said === "raw" || this.has("raw.always"));
    this.#checkToken(headers, said === "raw");
    this.#checkHost(headers);
    this.#checkHeaders(headers);
    if (this.harmed) {
      this.harmed = false;
      throw new Refusal("Unknown", "exec.failed", "A connection was lost");
    }
    const { command, field: given } = request.method === "Exec" ? this.#read(request) : { command: "hello.echo", field: Buffer.alloc(0) };
    const payload = raw ? this.#rawPayload(given, said) : this.#decodeHex(given.toString());
    const response = await this.#run(command, payload, request.gone);
    const isUndecoded = this.has("dialect.raw") && command === "hello.echo" && said === undefined;
    const text = this.has("hex.writes_upper") ? response.toString("hex").toUpperCase() : response.toString("hex");
    const written = isUndecoded || raw ? (isUndecoded ? given : response) : Buffer.from(this.has("answer.not_hex") ? `${text}!` : text);
    return { body: this.#encode({ status: this.has("exec.status") ? "done" : "success", response: written, json }), headers: {} };
  }

  #rawPayload(field: Buffer, said: string | undefined): Buffer {
    if (this.has("raw.empty") && said === "raw" && field.length === 0) {
      throw new Refusal("InvalidArgument", "exec.bad_request", "No payload");
    }
    return field;
  }

  #checkPage(headers: ServiceRequest["headers"]): void {
    const name = (headers["host"] ?? "localhost").replace(/:\d*$/, "");
    const isForeign = !["localhost", "127.0.0.1", "[::1]"].includes(name) && !this.has("host.ignored");
    if (isForeign || (headers["origin"] !== undefined && !this.has("origin.ignored"))) {
      throw new Refusal("PermissionDenied", "exec.forbidden", "Not for web pages");
    }
  }

  #checkToken(headers: ServiceRequest["headers"], raw: boolean): void {
    const { token } = this.#options;
    const given = headers["authorization"];
    if (token === undefined || this.has("token.ignored") || (this.has("token.not_raw") && raw)) return;
    if (given === `Bearer ${token}` || (this.has("token.presence") && given !== undefined)) return;
    if (this.has("token.prefix") && given?.startsWith(`Bearer ${token.slice(0, -1)}`)) return;
    throw new Refusal(this.has("token.forbidden") ? "PermissionDenied" : "Unauthenticated", "exec.unauthenticated", "Who are you?");
  }

  #checkHost(headers: ServiceRequest["headers"]): void {
    const { hosts } = this.#options;
    const host = headers["x-host"] ?? "";
    if (hosts.length > 0 && !hosts.includes(host) && !this.has("x_host.ignored")) {
      throw new Refusal("PermissionDenied", "exec.forbidden", "Not for you");
    }
  }

  #checkHeaders(headers: ServiceRequest["headers"]): void {
    if (this.has("headers.trace") && headers["traceparent"] !== undefined) throw new Error("No tracer is set up");
    const deadline = headers["grpc-timeout"] ?? headers["connect-timeout-ms"];
    if (this.has("deadline.units") && deadline !== undefined && !/^\d{1,5}$|S$/.test(deadline)) throw new Error("Which unit is that?");
  }

  #read({ body, json }: ServiceRequest): { readonly command: string; readonly field: Buffer } {
    if (json) return this.#readJson(body);
    const fields = readFields(body);
    if (fields === undefined && this.has("bad.message.accepts")) return { command: "hello.echo", field: Buffer.alloc(0) };
    if (fields === undefined) throw new Refusal("InvalidArgument", "exec.bad_request", "That is no message");
    if (this.has("fields.unknown") && [...fields.keys()].some((number) => number > 2)) throw new Error("There are fields too many");
    const field = fields.get(2);
    if (this.has("bytes.empty") && field === undefined) throw new Refusal("InvalidArgument", "exec.bad_request", "No payload");
    return { command: fields.get(1)?.toString() ?? "", field: field ?? Buffer.alloc(0) };
  }

  #readJson(body: Buffer): { readonly command: string; readonly field: Buffer } {
    try {
      const { Command = "", Payload = "" } = JSON.parse(body.toString());
      return { command: Command, field: Buffer.from(Payload) };
    } catch {
      if (this.has("json.bad.accepts")) return { command: "hello.echo", field: Buffer.alloc(0) };
      throw new Refusal("InvalidArgument", "exec.bad_request", "That is no JSON");
    }
  }

  #decodeHex(text: string): Buffer {
    if (this.has("hex.lower_only") && text !== text.toLowerCase()) throw new Error("Capital letters are no hex");
    if (this.has("bad.hex.ignores") && !/^[0-9a-f]*$/i.test(text)) return Buffer.alloc(0);
    const padded = this.has("bad.odd_hex.pads") && text.length % 2 === 1 ? `${text}0` : text;
    if (/^([0-9a-f]{2})*$/i.test(padded)) return Buffer.from(padded, "hex");
    throw new Refusal("InvalidArgument", "exec.bad_request", "The payload is not hex");
  }

  async #run(command: string, payload: Buffer, gone: Promise<void>): Promise<Buffer> {
    const limit = this.#options.limit - (this.has("limit.one_less") ? 1 : 0);
    if (payload.length > (this.has("bytes.large") ? 65_536 : limit) && !this.has("limit.none")) {
      throw new Refusal("ResourceExhausted", "exec.too_large", "The payload is too large");
    }
    if (command === "hello.echo") return await this.#echo(payload, gone);
    if (command === "polyplug.info") return this.#info();
    if (command === "polyplug.shutdown") {
      if (!this.has("shutdown.stays")) this.#end(gone);
      return Buffer.alloc(0);
    }
    if (this.has("unknown.success") || (this.has("names.inherited") && command in {})) return Buffer.alloc(0);
    throw new Refusal("Unimplemented", "exec.unknown_command", `There is no ${command}`);
  }

  async #echo(payload: Buffer, gone: Promise<void>): Promise<Buffer> {
    if (this.has("exec.refuses")) throw new Error("Not today");
    if (this.has("echo.text_of_hex")) return Buffer.from(payload.toString("hex"));
    if (this.has("bytes.text")) return Buffer.from(payload.toString());
    if (this.has("calls.shared") && payload.toString().startsWith("at once")) {
      this.#shared = payload;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return this.#shared;
    }
    if (this.has("serving.broken")) {
      if (this.#atOnce >= 8 && payload.length > 0) throw new Error("Too many calls today");
      if (payload.toString().startsWith("at once")) this.#atOnce += 1;
    }
    // Leaves a caller the time to go.
    if (this.has("cancel.shared") && this.arriving.size > 0) {
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 200))]);
    }
    return payload;
  }

  #info(): Buffer {
    if (this.has("info.text")) return Buffer.from("faulty 1.0.0");
    const commands = this.has("info.forgets") ? [] : [{ name: "hello.echo" }];
    return Buffer.from(JSON.stringify({ name: "faulty", version: "1.0.0", commands, subscribes: [], hosts: this.#options.hosts }));
  }

  #encode({ status, response, json }: { status: string; response: Buffer; json: boolean }): Buffer {
    if (!json) return Buffer.concat([field(1, status), field(2, field(1, response))]);
    const text = this.has("json.base64") && response.toString() !== "pong"
      ? Buffer.from(response.toString(), "hex").toString("base64")
      : response;
    return Buffer.from(JSON.stringify({ Status: status, Data: { Response: text.toString() } }));
  }
}

/** The fields of a message by number; `undefined` when it is none. */
function readFields(body: Buffer): ReadonlyMap<number, Buffer> | undefined {
  const fields = new Map<number, Buffer>();
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (; at < body.length; scale *= 128) {
      const byte = body[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < body.length) {
    const tag = varint();
    const length = varint();
    if (Number.isNaN(tag + length) || (tag % 8 === 2 && at + length > body.length)) return undefined;
    fields.set(Math.floor(tag / 8), tag % 8 === 2 ? body.subarray(at, at += length) : Buffer.alloc(0));
  }
  return fields;
}
