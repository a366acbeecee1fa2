/**
 * Row C20: a hundred plugins on one host: started a few at a time, watched at next to no cost, stopped within seconds.
 * Runs alone: it loads every core.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Host } from "../../host/mod.ts";
import { languageSkip } from "../languages.ts";
import { bytes, measureLagMs, pathOf, processesWith, text, withHost } from "../support.ts";

const COUNT = 100;
/** How many starts `startAll()` may have under way; host/running_host.ts says why. */
const STARTS_AT_ONCE = 8;
/** As long as the default ping_interval, so that each plugin is pinged once; the least of some, since other programs take their part too. */
const WINDOW_MS = 5000;
const WINDOWS = 4;

const file = pathOf("tests/fixtures/process/tiny.py");
// -S -I: no site packages, which is most of what Python does when it starts.
const tiny = { exec: "python3", exec_args: ["-S", "-I", file], exec_file: file };

/** The most plugins that were `starting` at once, as their states tell. */
async function mostAtOnce(host: Host, run: () => Promise<void>): Promise<number> {
  let [now, most] = [0, 0];
  const controller = new AbortController();
  const followed = host.plugins.map(async ({ name }) => {
    let isStarting = false;
    for await (const { kind } of host.get(name).states({ signal: controller.signal })) {
      if (kind === "starting") most = Math.max(most, ++now);
      else if (isStarting) now -= 1;
      isStarting = kind === "starting";
    }
  });
  await run();
  controller.abort();
  await Promise.all(followed);
  return most;
}

/** How much of a core this process takes while it only watches. */
async function percentOfCore(ms: number): Promise<number> {
  const before = process.cpuUsage();
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - began);
}

test(`C20: ${COUNT} plugins: started ${STARTS_AT_ONCE} at a time, watched with < 2 % of a core, stopped within 5 s`, {
  skip: languageSkip("python"),
}, async () => {
  const plugins = Object.fromEntries(Array.from({ length: COUNT }, (_, index) => [`p${index}`, tiny]));
  await withHost(plugins, async (host, marker) => {
    const lagMs = await measureLagMs();
    const most = await mostAtOnce(host, () => host.startAll());
    assert.equal(most, STARTS_AT_ONCE);
    assert.equal(new Set(host.plugins.map(({ pid }) => pid)).size, COUNT);
    const echoes = host.plugins.map(async ({ name }) => assert.equal(text(await host.get(name).exec("echo", bytes(name))), name));
    await Promise.all(echoes);

    const shares: number[] = [];
    while (shares.length < WINDOWS && !shares.some((share) => share < 2)) shares.push(await percentOfCore(WINDOW_MS));
    assert.ok(Math.min(...shares) < 2, `${shares.map((share) => share.toFixed(2)).join(", ")} % of a core`);
    assert.deepEqual(new Set(host.plugins.map(({ state, restarts }) => `${state.kind} ${restarts}`)), new Set(["ready 0"]));

    // One of them is stopped by force, and found among all the others.
    const [pid = 0] = await processesWith(marker);
    const name = host.plugins.find((plugin) => plugin.pid === pid)?.name ?? "";
    process.kill(pid, "SIGKILL");
    for await (const state of host.get(name).states()) if (state.kind === "ready" && state.launch === 2) break;

    const stopping = performance.now();
    await host.stopAll();
    const tookMs = performance.now() - stopping;
    assert.ok(tookMs < 5000 + 10 * lagMs, `${tookMs} ms`);
    assert.deepEqual(await processesWith(marker), []);
  });
});
