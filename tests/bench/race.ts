/**
 * Races programs against one another: starts them, then has one after the other measure a slice, round after round, so that whatever else
 * the machine does falls on all.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Order } from "./racer.ts";
import type { Slice } from "./slice.ts";

/** A program that runs racer.ts, or does what it does. */
export interface RacerProgram {
  /** Who it is in the table: a runtime of ours, or a peer. */
  readonly name: string;
  readonly exec: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly path: string;
}

/** The program while it runs. */
export interface Racer {
  readonly name: string;
  readonly lanes: readonly string[];
  measure(order: Order): Promise<Slice>;
  close(): Promise<void>;
}

/** What is called: payload and how many at a time. */
export interface Cell {
  readonly payload: number;
  readonly inFlight: number;
}

/** What one lane of one program has shown in a cell: a slice of each round. Slices with the same index were measured side by side. */
export interface Figures extends Cell {
  readonly racer: string;
  readonly lane: string;
  readonly slices: readonly Slice[];
}

/** How many rounds, how long a slice, and from when on no further round begins. */
export interface Rounds {
  readonly most: number;
  readonly least: number;
  readonly sliceMs: number;
  readonly budgetMs: number;
}

/** Starts the program and waits until it can be called. */
export async function openRacer({ name, exec, args, cwd, path }: RacerProgram): Promise<Racer> {
  const env = { ...process.env, PATH: path };
  const child = spawn(exec, args, { stdio: ["pipe", "pipe", "inherit"], env, ...(cwd === undefined ? {} : { cwd }) });
  const closed = once(child, "close");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  child.stdin.on("error", () => {}); // The program's end says more.
  const nextLine = async () => {
    const { done, value } = await lines.next();
    if (done !== true) return JSON.parse(value);
    const [code] = await closed;
    throw new Error(`"${name}" ended in the middle of the benchmark, with the code ${code}`);
  };
  return {
    name,
    lanes: await nextLine(),
    measure: async (order) => {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      return await nextLine();
    },
    close: async () => {
      child.stdin.end();
      await closed;
    },
  };
}

/** Measures a cell on every lane of every racer; the first round is for warming up and does not count. */
export async function race(racers: readonly Racer[], cell: Cell, { most, least, sliceMs, budgetMs }: Rounds): Promise<readonly Figures[]> {
  const lanes = racers.flatMap((racer) => racer.lanes.map((lane) => ({ racer, lane, slices: [] as Slice[] })));
  const started = performance.now();
  for (let round = 0; round <= least || round <= most && performance.now() - started < budgetMs; round++) {
    for (const { racer, lane, slices } of round % 2 === 0 ? lanes : lanes.toReversed()) {
      const slice = await racer.measure({ lane, ...cell, ms: sliceMs });
      if (round > 0) slices.push(slice);
    }
  }
  return lanes.map(({ racer, lane, slices }) => ({ racer: racer.name, lane, ...cell, slices }));
}

/** Opens racers one after the other, hands them to `use`, and closes them. */
export async function withRacers<T>(programs: readonly RacerProgram[], use: (racers: readonly Racer[]) => Promise<T>): Promise<T> {
  const racers: Racer[] = [];
  try {
    for (const program of programs) racers.push(await openRacer(program));
    return await use(racers);
  } finally {
    for (const racer of racers) await racer.close();
  }
}
