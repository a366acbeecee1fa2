/**
 * One stream of a plugin: takes a `Slot`, gives parts. Until the first one it is a call like others; it stays an open call of its launch,
 * and in its place of `max_concurrent`, until it ends.
 * @module
 */
import type { AttemptOptions, CallOptions } from "../protocol/caller.ts";
import { isPluginError, PluginError } from "../protocol/errors.ts";
import { type Opened, type Opening, openParts, PartReader } from "../protocol/part_reader.ts";
import { STREAM_FEATURE } from "../protocol/reserved.ts";
import { Call, type Passage, type Send, type Target } from "./call.ts";
import { timeoutError } from "./late.ts";
import type { Launch } from "./launch.ts";

/** What is asked of a plugin. */
export interface StreamRequest {
  readonly command: string;
  readonly payload: Uint8Array | undefined;
  readonly options: CallOptions & Passage;
}

/** The call that waits for the first part. */
class FirstPart extends Call<Opened> {
  protected override giveUpOptions(): Pick<AttemptOptions, "signal"> {
    return { signal: this.signal };
  }

  /** The call goes on as a stream, whoever reads that ends it. */
  protected override answered(value: Opened, launch: Launch): void {
    launch.calls.heard();
    if (!this.settled) return this.resolve(value);
    launch.calls.end(false);
    Promise.resolve(value.parts.return?.()).catch(() => {}); // Its signal has told the plugin already.
  }
}

/** One stream, from when its first part is asked for. */
export class StreamCall extends PartReader {
  readonly #request: StreamRequest;
  readonly #target: Target;
  #first: FirstPart | undefined;
  /** How many answers there had been on the launch when the part was asked for. */
  #answers = 0;

  constructor(request: StreamRequest, target: Target) {
    super(request.options.signal);
    this.#request = request;
    this.#target = target;
  }

  protected begin(): Opening {
    const { command, payload, options } = this.#request;
    const send: Send<Opened> = (driver, given, { features }) => {
      if (driver.stream === undefined || !features.includes(STREAM_FEATURE)) return Promise.reject(this.#unsupported());
      return openParts(driver.stream(command, payload, given));
    };
    return this.#first = new FirstPart(command, options, this.#target, send);
  }

  protected get timeoutMs(): number {
    return this.#first?.timeoutMs ?? Infinity;
  }

  override next(): ReturnType<PartReader["next"]> {
    this.#answers = this.#first?.launch?.calls.answers ?? 0;
    return super.next();
  }

  override expire(): void {
    super.expire();
    const launch = this.#first?.launch;
    if (launch !== undefined) this.#target.slot.overdue(launch, this.#answers);
  }

  protected late(): PluginError {
    return timeoutError(`for the next part of ${this.#name}`, this.#target.plugin, this.timeoutMs);
  }

  protected aborted(cause: unknown): PluginError {
    return new PluginError("caller.aborted", `The stream ${this.#name} was aborted`, { plugin: this.#target.plugin, cause });
  }

  protected override heard(): void {
    this.#first?.launch?.calls.heard();
  }

  protected override opened(): void {
    this.#first?.launch?.calls.hold(this.#cut);
  }

  /** The process is about to end. */
  readonly #cut = () => {
    const { plugin } = this.#target;
    this.giveUp(new PluginError("caller.lost", `The stream ${this.#name} was cut, since its process had to end`, { plugin }));
  };

  protected override ended(error: unknown): void {
    this.#first?.launch?.calls.letGo(this.#cut);
    this.#first?.launch?.calls.end(error === undefined || (isPluginError(error) && error.origin === "plugin"));
    this.#first?.leave();
  }

  #unsupported(): PluginError {
    const { plugin } = this.#target;
    const message = `${this.#name} cannot be streamed: the plugin lacks the feature "${STREAM_FEATURE}"`;
    return new PluginError("caller.unsupported", message, { plugin, hint: "Call it with exec()" });
  }

  get #name(): string {
    return `"${this.#request.command}" of plugin "${this.#target.plugin}"`;
  }
}
