/**
 * Takes a call and for how long to repeat it, gives what it cost in that slice of time.
 * @module
 */

/** One call with everything but the payload settled. */
export type Call = (payload: Uint8Array) => Promise<Uint8Array>;

/** What to repeat: a payload of so many bytes, so many calls at a time, for so long. */
export interface Task {
  readonly payload: number;
  readonly inFlight: number;
  readonly ms: number;
}

/** What the calls of one slice cost, in microseconds. */
export interface Slice {
  readonly p50Us: number;
  readonly p99Us: number;
  /** The slice's time divided by its calls: with several in flight the inverse of the calls per second. */
  readonly callUs: number;
  readonly calls: number;
}

/** So much of the time goes before, one call at a time, unmeasured: others have had the machine in between. */
const LEAD = 0.2;
const SEED = 7;

/** Runs one slice. */
export async function runSlice(call: Call, payload: Uint8Array, { inFlight, ms }: Omit<Task, "payload">): Promise<Slice> {
  await repeat(call, payload, { inFlight: 1, ms: ms * LEAD });
  const started = performance.now();
  const times = (await repeat(call, payload, { inFlight, ms })).sort((a, b) => a - b);
  const callUs = 1000 * (performance.now() - started) / times.length;
  return { p50Us: 1000 * quantile(times, 0.5), p99Us: 1000 * quantile(times, 0.99), callUs, calls: times.length };
}

/** Bytes that look random, and are the same in every run. */
export function payloadOf(size: number): Uint8Array {
  let state = SEED;
  return new Uint8Array(size).map(() => state = (state * 1103515245 + 12345) & 0x7fffffff);
}

/** @throws {Error} when the call does not answer with what it was given. */
export async function requireEcho(call: Call, payload: Uint8Array): Promise<void> {
  const answer = await call(payload);
  if (answer.length === payload.length && answer.every((byte, index) => byte === payload[index])) return;
  throw new Error(`The echo of ${payload.length} bytes came back with ${answer.length} bytes, or others`);
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  return quantile([...values].sort((a, b) => a - b), 0.5);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Calls for so long, each of the `inFlight` at least once, and gives the milliseconds of each call. */
async function repeat(call: Call, payload: Uint8Array, { inFlight, ms }: Omit<Task, "payload">): Promise<number[]> {
  const times: number[] = [];
  const started = performance.now();
  const callAgain = async () => {
    for (let before = performance.now(); before - started < ms;) {
      await call(payload);
      const after = performance.now();
      times.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, callAgain));
  return times;
}
