/**
 * Takes two lanes and a payload, gives what a call costs on each: rounds of short slices, one lane after the other, so that whatever
 * else the machine does falls on both.
 * @module
 */

/** One call with everything but the payload settled. */
export type Call = (payload: Uint8Array) => Promise<Uint8Array>;

/** What a call costs, in microseconds: the median time of a call, or with several in flight the time divided by the calls. */
export interface Cost {
  readonly oursUs: number;
  readonly floorUs: number;
  /** The median of the rounds' ratios; not the ratio of the medians. */
  readonly ratio: number;
}

const SLICE_MS = 100;
/** Before each measurement, and before the first. */
const WARM_MS = 150;
const START_MS = 500;
const MOST_IN_FLIGHT = 32;
const MOST_ROUNDS = 9;
const LEAST_ROUNDS = 3;
/** Rounds of calls that take long are fewer. */
const BUDGET_MS = 2000;

/** Calls both until the runtimes have compiled what they will, so that the first figures are like the later ones. */
export async function warmUp(ours: Call, floor: Call, payload: Uint8Array): Promise<void> {
  for (const call of [ours, floor, ours, floor]) await slice(call, payload, MOST_IN_FLIGHT, START_MS);
}

/** Measures both, in an order that changes from round to round. */
export async function compare(ours: Call, floor: Call, payload: Uint8Array, inFlight: number): Promise<Cost> {
  for (const call of [ours, floor]) {
    requireSame(await call(payload), payload);
    await slice(call, payload, inFlight, WARM_MS);
  }
  const rounds: { ours: number; floor: number }[] = [];
  const started = performance.now();
  while (rounds.length < LEAST_ROUNDS || rounds.length < MOST_ROUNDS && performance.now() - started < BUDGET_MS) {
    const figures = { ours: 0, floor: 0 };
    const order = rounds.length % 2 === 0 ? ["ours", "floor"] as const : ["floor", "ours"] as const;
    for (const lane of order) figures[lane] = await slice({ ours, floor }[lane], payload, inFlight, SLICE_MS);
    rounds.push(figures);
  }
  return {
    oursUs: median(rounds.map((round) => round.ours)),
    floorUs: median(rounds.map((round) => round.floor)),
    ratio: median(rounds.map((round) => round.ours / round.floor)),
  };
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Calls for so long, `inFlight` at a time, and gives the microseconds of a call. */
async function slice(call: Call, payload: Uint8Array, inFlight: number, ms: number): Promise<number> {
  const times: number[] = [];
  const started = performance.now();
  const repeat = async () => {
    for (let before = performance.now(); before - started < ms;) {
      await call(payload);
      const after = performance.now();
      times.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, repeat));
  return 1000 * (inFlight === 1 ? median(times) : (performance.now() - started) / times.length);
}

function requireSame(answer: Uint8Array, payload: Uint8Array): void {
  if (answer.length === payload.length && answer.every((byte, index) => byte === payload[index])) return;
  throw new Error(`The echo of ${payload.length} bytes came back with ${answer.length} bytes, or others`);
}
