/**
 * One plugin, killed again and again while it is called: no answer is wrong, and nothing is left of all those processes.
 * @module
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, isPluginError, openHost, type PluginHandle } from "../../host/mod.ts";
import { assertNoneLeft, bytes, configOf, processesWith, text, typescriptPlugin, withFolder } from "../support.ts";
import { assertNothingLeaked, collectGarbage, held, memoryMiB } from "./leaks.ts";

const KILLS = process.env["POLYPLUG_LONG"] ? 1000 : 50;
/** What a runtime compiles and keeps is there after so many. */
const WARM_KILLS = 10;
/** Between an answer and the kill, and after an error. */
const PAUSE_MS = 5;
const COLLECT_EVERY = 25;
const MOST_GROWTH_MIB = 64;
const RETRIES = ["idempotent", "idempotent", "safe", "never"] as const;

/** What became of the calls of a run. */
interface Figures {
  readonly answered: number;
  readonly lost: number;
}

/** Kills the plugin so often; each time it is back and has answered before it dies again. */
async function killUnderLoad(host: Host, handle: PluginHandle, kills: number): Promise<Figures> {
  const figures = { answered: 0, lost: 0 };
  const wrong: string[] = [];
  let isOver = false;
  let answeredBy = 0;
  const wake: { resolve: () => void } = { resolve: () => {} };
  const callers = RETRIES.map(async (retry, caller) => {
    for (let call = 0; !isOver && wrong.length === 0; call++) {
      const payload = `${caller} ${call}`;
      const launch = handle.state.kind === "ready" ? handle.state.launch : 0;
      try {
        const answer = text(await handle.exec("chaos.echo", bytes(payload), { retry }));
        if (answer !== payload) wrong.push(`${payload}: ${answer}`);
        figures.answered += 1;
        answeredBy = Math.max(answeredBy, launch);
        wake.resolve();
      } catch (error) {
        const isLost = isPluginError(error) &&
          (retry === "safe" && error.code === "caller.lost" || retry === "never" && /^caller\.(lost|refused)$/.test(error.code));
        if (!isLost) wrong.push(`${payload}, ${retry}: ${error}`);
        figures.lost += 1;
        wake.resolve();
        // What is refused is refused at once: whoever goes on asking would keep the host from seeing the exit.
        await sleep(PAUSE_MS);
      }
    }
  });
  for (let kill = 0; kill < kills && wrong.length === 0; kill++) {
    await handle.ready();
    while (wrong.length === 0 && !(handle.state.kind === "ready" && answeredBy === handle.state.launch)) {
      await new Promise<void>((resolve) => wake.resolve = resolve);
    }
    await sleep(PAUSE_MS);
    process.kill(host.plugins[0]?.pid ?? 0, "SIGKILL");
    for await (const { kind } of handle.states()) if (kind !== "ready") break;
    if (kill % COLLECT_EVERY === 0) collectGarbage();
  }
  isOver = true;
  await Promise.all(callers);
  assert.deepEqual(wrong, []);
  return figures;
}

/** The processes whose parent this one is. */
async function children(): Promise<readonly string[]> {
  const stats = await Promise.all(
    (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map((pid) => readFile(`/proc/${pid}/stat`, "latin1").catch(() => "")),
  );
  return stats.map((stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")).flatMap(([state, parent]) =>
    Number(parent) === process.pid ? [state === "Z" ? "zombie" : "alive"] : []
  );
}

test(`Chaos: ${KILLS.toLocaleString("en")} kills in a row under load: no wrong answer, and nothing is held that was not before`, async () => {
  await withFolder(async (folder) => {
    const tmp = join(folder, "tmp");
    await mkdir(tmp);
    const marker = crypto.randomUUID();
    const env = { TEST_MARKER: marker, CHAOS_FOLDER: folder, TMPDIR: tmp };
    // Bun is the quickest to start.
    const target = { ...typescriptPlugin("tests/chaos/target.ts", [], "bun"), socket: true, env };
    const quick = { restart: { max: 10_000, min_delay: 0, max_delay: 0 } };
    const host = await openHost("test", { config: configOf({ target: { ...target, ...quick } }, join(folder, "state")) });
    try {
      const handle = await host.start("target");
      await killUnderLoad(host, handle, WARM_KILLS);
      await handle.exec("chaos.pid", undefined, { retry: "idempotent" });
      const [before, family, memory] = [held(), await children(), memoryMiB()];
      const began = performance.now();
      const figures = await killUnderLoad(host, handle, KILLS);
      const perKillMs = (performance.now() - began) / KILLS;
      await handle.exec("chaos.pid", undefined, { retry: "idempotent" });
      await assertNothingLeaked(before);
      const after = memoryMiB();
      if (process.env["POLYPLUG_CHAOS_TELL"]) console.log({ ...figures, perKillMs, memory, after, files: before.files.length });
      assert.equal(host.plugins[0]?.restarts, WARM_KILLS + KILLS);
      assert.deepEqual(await children(), family);
      assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
      assert.equal((await readdir(tmp)).length, 1);
      assert.ok(after.all - memory.all < MOST_GROWTH_MIB, `${after.all} MiB, before ${memory.all}`);
      assert.ok(after.objects - memory.objects < MOST_GROWTH_MIB / 4, `objects take ${after.objects} MiB, before ${memory.objects}`);
    } finally {
      await host.close();
    }
    await assertNoneLeft(marker);
    assert.deepEqual(await readdir(tmp), []);
  });
});
