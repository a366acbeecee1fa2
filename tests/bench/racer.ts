/**
 * Inside a program that races others: measures itself for a slice whenever its stdin says so, and ends when that ends.
 *
 * It prints the names of its lanes, one JSON array on a line, once it can be called. Then for each line `{"lane","payload","inFlight","ms"}`
 * it prints one line: a `Slice`. Programs in other languages do the same.
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { type Call, payloadOf, requireEcho, runSlice, type Task } from "./slice.ts";

/** One line of the input. */
export interface Order extends Task {
  readonly lane: string;
}

/** Before the first slice, so that the runtime has compiled what it will. */
const WARM_MS = 500;
const WARM = { payload: 16, inFlight: 32 };

/** Answers orders until there are no more; the first with a payload checks that its echo is right. */
export async function answerOrders(lanes: Readonly<Record<string, Call>>): Promise<void> {
  const payloads = new Map<number, Uint8Array>();
  const known = new Set<string>();
  for (const call of Object.values(lanes)) await runSlice(call, payloadOf(WARM.payload), { inFlight: WARM.inFlight, ms: WARM_MS });
  process.stdout.write(`${JSON.stringify(Object.keys(lanes))}\n`);
  for await (const line of createInterface(process.stdin)) {
    const { lane, payload: size, inFlight, ms }: Order = JSON.parse(line);
    const call = lanes[lane];
    if (call === undefined) throw new Error(`No lane has the name "${lane}"`);
    const payload = payloads.get(size) ?? payloadOf(size);
    payloads.set(size, payload);
    if (!known.has(`${lane} ${size}`)) await requireEcho(call, payload);
    known.add(`${lane} ${size}`);
    process.stdout.write(`${JSON.stringify(await runSlice(call, payload, { inFlight, ms }))}\n`);
  }
}
