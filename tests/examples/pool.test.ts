/**
 * Row D13: the pool example, in which items flow through a built-in plugin, one in Python and one in Go, whatever is killed when.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { bytes } from "../support.ts";
import { type Counts, findPlugin, type PoolFolder, startPool, submit, submitAndFlow, until, withPoolFolder } from "./pool_program.ts";

const skip = languageSkip("python") || languageSkip("go");
const ITEMS = process.env["POLYPLUG_LONG"] ? 10_000 : 1000;
/** Each but the last is ended by kill -9. */
const LIVES = process.env["POLYPLUG_LONG"] ? 5 : 3;
/** In each life: three of each plugin, and the last one of the pool. */
const KILLS = 7;
/** So many items come before each kill, so that there is something to do. */
const SLICE = Math.floor(ITEMS / LIVES / KILLS);

const items = Array.from({ length: ITEMS }, (_, index) => ({ id: `item-${index}`, amount: 1 + index % 28 }));
const total = items.reduce((sum, { amount }) => sum + amount, 0);
const isDone = ({ open, merged }: Counts) => open === 0 && merged === 0;

test(`D13: ${ITEMS} items are committed exactly once each while the plugins and the pool are killed`, { skip }, async (t) => {
  await withPoolFolder(async (folder) => {
    const began = performance.now();
    let kills = 0;
    for (let life = 1; life < LIVES; life++) kills += await liveAndDie(folder, life);
    const last = await startPool(folder);
    await submit(last.origin, items);
    const counts = await until(last.origin, isDone);
    const seconds = (performance.now() - began) / 1000;
    await last.end("SIGTERM");
    assert.equal(kills, (LIVES - 1) * KILLS);
    const { commits, merged } = checkCommitted(folder.folder);
    assert.deepEqual(counts, { open: 0, merged: 0, committed: commits });
    t.diagnostic(`${ITEMS} items, ${merged} made of dust, ${commits} commits, ${kills} kills, ${seconds.toFixed(1)} s`);
  });
});

/** One life of the pool: its share of the items comes, both plugins are killed while they flow, and then the pool. Gives how many kills. */
async function liveAndDie(folder: PoolFolder, life: number): Promise<number> {
  const pool = await startPool(folder);
  const first = SLICE * KILLS * (life - 1);
  await submit(pool.origin, items.slice(0, first)); // Those of the lives before once more, as who got no answer sends them.
  for (let kill = 0; kill < KILLS - 1; kill++) {
    const pid = await findPlugin(folder, kill % 2 === 0 ? "swap.py" : "plugin-go");
    await submitAndFlow(pool.origin, items.slice(first + kill * SLICE, first + (kill + 1) * SLICE));
    process.kill(pid, "SIGKILL");
  }
  await submitAndFlow(pool.origin, items.slice(first, first + KILLS * SLICE));
  const unanswered = submit(pool.origin, items.slice(-SLICE)).catch(() => {});
  await pool.end("SIGKILL");
  await unanswered;
  return KILLS;
}

/** Looks into the pool's database: every item was committed, once, with the others of its pair, and no amount was lost or made. */
function checkCommitted(folder: string): { commits: number; merged: number } {
  const database = new DatabaseSync(join(folder, "state", "items.sqlite"));
  const all = (query: string) => database.prepare(query).all();
  const stored = all("SELECT id, amount, state, whole FROM items");
  const submitted = stored.filter(({ id }) => !String(id).startsWith("merged:"));
  const commits = all("SELECT id, signature, whole FROM commits LEFT JOIN items USING (id) ORDER BY commits.rowid");
  database.close();
  assert.deepEqual(submitted.map(({ id }) => id).toSorted(), items.map(({ id }) => id).toSorted());
  assert.deepEqual(commits.map(({ id }) => id).toSorted(), stored.map(({ id }) => id).toSorted());
  assert.ok(stored.every(({ state }) => state === "committed"));
  assert.equal(sumOf(submitted), total);
  assert.equal(sumOf(stored.filter(({ whole }) => whole === 1)), total);
  checkSignatures(folder, commits);
  return { commits: commits.length, merged: stored.length - submitted.length };
}

function sumOf(rows: readonly Readonly<Record<string, unknown>>[]): number {
  return rows.reduce((sum, { amount }) => sum + Number(amount), 0);
}

function checkSignatures(folder: string, commits: readonly Readonly<Record<string, unknown>>[]): void {
  const key = createPublicKey(readFileSync(join(folder, "state", "key.pem"), "utf8"));
  for (const [signature, rows] of Map.groupBy(commits, ({ signature }) => String(signature))) {
    const pair = rows.filter(({ whole }) => whole === 1).map(({ id }) => String(id));
    const isSigned = [pair, pair.toReversed()].some((ids) =>
      verify(null, bytes(ids.join("\n")), key, Uint8Array.from(Buffer.from(signature, "hex")))
    );
    assert.ok(isSigned && pair.length <= 2, `${pair} has no signature of its own`);
  }
}
