/**
 * The shadow of a reload: takes a new `Launch` and a record of calls, sends them, and fails when it answers otherwise than was recorded.
 * @module
 */
import type { Bytes } from "../protocol/caller.ts";
import { isPluginError, messageOf, PluginError } from "../protocol/errors.ts";
import { createRequestId } from "../protocol/request_id.ts";
import { bounded } from "./bounded.ts";
import type { PluginSpec } from "./discover.ts";
import type { Launch } from "./launch.ts";
import { type Outcome, outcomeFromError, readRecord, type RecordedCall } from "./record.ts";
import { visible, visibleBytes } from "./visible.ts";

/** After so many differences nobody reads on. */
const MOST_DIFFERENCES = 10;
/** How much of an answer is shown, and how much of it before the first byte that differs. */
const SHOWN_BYTES = 48;
const SHOWN_BEFORE = 16;

/**
 * Sends the recorded calls one after the other. Those that failed on the way to the plugin or back say nothing of its answers, and are
 * left out.
 *
 * @throws {PluginError} "host.differs" with the differences, "host.bad_record", or the signal's reason.
 */
export async function replayRecord(
  file: string | URL,
  { launch, spec, signal }: { readonly launch: Launch; readonly spec: PluginSpec; readonly signal: AbortSignal },
): Promise<void> {
  const differences: string[] = [];
  for await (const call of readRecord(file)) {
    if (call.outcome.kind === "error" && call.outcome.origin === "host") continue;
    const outcome = await send(call, launch, { spec, signal });
    if (isAlike(outcome, call.outcome)) continue;
    differences.push(`  line ${call.line}, ${visible(call.command)}: ${describe(outcome, call.outcome)}`);
    if (differences.length === MOST_DIFFERENCES) {
      differences.push("  further calls were not sent");
      break;
    }
  }
  if (differences.length === 0) return;
  const message = [`The new process of plugin "${spec.name}" answers otherwise than was recorded in "${file}":`, ...differences].join("\n");
  const hint = "The old process serves on; if the new answers are right, record them anew or reload without replay";
  throw new PluginError("host.differs", message, { plugin: spec.name, hint });
}

async function send(
  { command, payload }: RecordedCall,
  launch: Launch,
  { spec, signal }: { readonly spec: PluginSpec; readonly signal: AbortSignal },
): Promise<Outcome> {
  const driver = launch.calls.begin();
  try {
    const bytes = await bounded(`"${command}" of the record`, spec.name, { timeoutMs: spec.timeoutMs, signal }, (left, bound) => {
      return driver.exec(command, payload, { requestId: createRequestId(), attempt: 1, timeoutMs: left(), signal: bound });
    });
    return { kind: "answer", bytes };
  } catch (error) {
    signal.throwIfAborted();
    return isPluginError(error)
      ? outcomeFromError(error)
      : { kind: "error", code: "caller.lost", origin: "host", message: messageOf(error) };
  } finally {
    launch.calls.end(false);
  }
}

function isAlike(left: Outcome, right: Outcome): boolean {
  if (left.kind === "error") return right.kind === "error" && left.code === right.code;
  return right.kind === "answer" && firstDifference(left.bytes, right.bytes) === undefined;
}

/** `undefined` when there is none. */
function firstDifference(left: Bytes, right: Bytes): number | undefined {
  const most = Math.max(left.length, right.length);
  for (let at = 0; at < most; at++) if (left[at] !== right[at]) return at;
  return undefined;
}

function describe(now: Outcome, before: Outcome): string {
  const difference = now.kind === "answer" && before.kind === "answer" ? firstDifference(now.bytes, before.bytes) ?? 0 : 0;
  const from = Math.max(0, difference - SHOWN_BEFORE);
  return `${show(now, from)} in place of ${show(before, from)}`;
}

function show(outcome: Outcome, from: number): string {
  if (outcome.kind === "error") return `${outcome.code} (${visible(outcome.message.split("\n")[0] ?? "")})`;
  const { bytes } = outcome;
  const text = visible(visibleBytes(bytes.subarray(from, from + SHOWN_BYTES)));
  return `${from > 0 ? `byte ${from} on: …` : ""}"${text}"${bytes.length > from + SHOWN_BYTES ? "…" : ""}`;
}
