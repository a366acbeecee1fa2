/**
 * The log store of the logs example on Bun, as the example has it: batches, sums, retention, and what stays and what goes.
 * @module
 */
import assert from "node:assert/strict";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Host, openHost } from "../../host/mod.ts";
import type { Summary } from "../../examples/logs/messages.ts";
import { bytes, configOf, text, typescriptPlugin, withFolder } from "../support.ts";

const EVENTS = [
  { time: "2025-03-14T02:35:10", address: "192.0.2.7", name: "root", count: 5 },
  { time: "2025-03-14T02:59:59", address: "192.0.2.9", name: "pi", count: 1 },
  { time: "2025-03-14T03:00:00", address: "192.0.2.9", name: "root", count: 1 },
];
const NOTHING: Summary = { total: 0, first: null, last: null, addresses: [], names: [], hours: [] };

async function withStore(use: (host: Host, data: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const config = configOf({ store: typescriptPlugin("examples/logs/store.ts", [], "bun") }, folder);
    await using host = await openHost("test", { config });
    await use(host, join(folder, "data", "test", "store"));
  });
}

async function ask(host: Host, command: string, request: object): Promise<unknown> {
  return JSON.parse(text(await host.get("store").exec(`plugin.log.${command}`, bytes(JSON.stringify(request)))));
}

test("log-store sums up what it stored, takes a batch once, and keeps runs apart", async () => {
  await withStore(async (host) => {
    assert.deepEqual(await ask(host, "query", { run: "a" }), NOTHING);
    assert.deepEqual(await ask(host, "store", { run: "a", batch: 0, events: EVENTS }), { stored: 3 });
    assert.deepEqual(await ask(host, "store", { run: "a", batch: 0, events: EVENTS }), { stored: 0 });
    await ask(host, "store", { run: "b", batch: 0, events: EVENTS.slice(0, 1) });
    assert.deepEqual(await ask(host, "query", { run: "a" }), {
      total: 7,
      first: "2025-03-14T02:35:10",
      last: "2025-03-14T03:00:00",
      addresses: [{ name: "192.0.2.7", count: 5 }, { name: "192.0.2.9", count: 2 }],
      names: [{ name: "root", count: 6 }, { name: "pi", count: 1 }],
      hours: [{ name: "2025-03-14T02", count: 6 }, { name: "2025-03-14T03", count: 1 }],
    });
  });
});

test("log-store deletes what is older and says how many", async () => {
  await withStore(async (host) => {
    await ask(host, "store", { run: "a", batch: 0, events: EVENTS });
    assert.deepEqual(await ask(host, "retention", { run: "a", before: "2025-03-14T02:59:59" }), { deleted: 5 });
    assert.deepEqual(await ask(host, "retention", { run: "a", before: "2025-03-14T02:59:59" }), { deleted: 0 });
    assert.equal((await ask(host, "query", { run: "a" }) as Summary).total, 2);
  });
});

test("log-store keeps a run's events over its own restart, until they are dropped", async () => {
  await withStore(async (host, data) => {
    await ask(host, "store", { run: "a", batch: 0, events: EVENTS });
    await host.stop("store", { graceMs: 0 });
    await host.start("store");
    assert.equal((await ask(host, "query", { run: "a" }) as Summary).total, 7);
    await ask(host, "drop", { run: "a" });
    assert.deepEqual(await readdir(data), []);
  });
});

test("log-store removes what a run that was cut short left a day ago, and nothing newer", async () => {
  await withStore(async (host, data) => {
    await mkdir(data, { recursive: true });
    for (const file of ["log-store-old.sqlite", "log-store-new.sqlite", "other.sqlite"]) await writeFile(join(data, file), "");
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    for (const file of ["log-store-old.sqlite", "other.sqlite"]) await utimes(join(data, file), twoDaysAgo, twoDaysAgo);
    await host.start("store");
    assert.deepEqual((await readdir(data)).sort(), ["log-store-new.sqlite", "other.sqlite"]);
  });
});

test("log-store stores nothing of a batch that is not right, and stays in its folder", async () => {
  await withStore(async (host, data) => {
    const [event] = EVENTS;
    const wrong = [
      ["store", { run: "a", batch: 0, events: [event, { ...event, count: "5" }] }, /events\.1\.count/],
      ["store", { run: "a", batch: 0, events: [event, { ...event, time: "yesterday" }] }, /must look like 2025-03-14T02:35:10/],
      ["store", { run: "../../a", batch: 0, events: [] }, /run/],
      ["retention", { run: "a", before: "" }, /before/],
      ["query", {}, /run/],
    ] as const;
    for (const [command, request, message] of wrong) {
      await assert.rejects(ask(host, command, request), { code: "log.bad_request", origin: "plugin", message }, JSON.stringify(request));
    }
    assert.deepEqual(await readdir(data), []);
  });
});
