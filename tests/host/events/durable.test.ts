/**
 * D10: events on durable topics survive the host: none is lost, and but for what a crash leaves open none comes twice.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type Host, openHost, type PluginLog } from "../../../host/mod.ts";
import { bytes, configOf, pathOf, processesWith, RUNTIME, text, withFolder } from "../../support.ts";
import { eventually, heardBy, heardUntil, kill, listener, numbersOf, publisher, publishMany, statusOf, upTo } from "./listening.ts";

type Plugins = Record<string, Record<string, unknown>>;

/** A configuration in which topics below `kept` are durable. */
function durableConfig(plugins: Plugins, folder: string): Record<string, unknown> {
  return { ...configOf(plugins, join(folder, "state")), events: { durable: ["kept.#"] } };
}

async function withDurable<T>(plugins: Plugins, folder: string, use: (host: Host) => Promise<T>, records: PluginLog[] = []): Promise<T> {
  const host = await openHost("test", { config: durableConfig(plugins, folder), onLog: (record) => records.push(record) });
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}

/** The lines of a listener's file: what it has handled, in order, over all its processes. */
async function linesOf(file: string): Promise<{ id: string; text: string; attempt: number }[]> {
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").slice(0, -1); // What stands behind the last newline is being written.
  return lines.map((line) => JSON.parse(line));
}

/** What stands in the database. */
function rowsOf(folder: string): { events: number; deliveries: number } {
  const database = new DatabaseSync(join(folder, "state", "hosts", "test.sqlite"));
  const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  const rows = { events: count("events"), deliveries: count("deliveries") };
  database.close();
  return rows;
}

test("D10: what a subscriber did not get before the host closed it gets from the next host, in order, once", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "heard");
    const plugins = { s: listener({ file }), f: listener() };
    await withDurable(plugins, folder, async (host) => {
      await host.start("f");
      await host.start("s");
      await host.stop("s");
      await Promise.all(upTo(50).map((number) => host.events.publish("kept.n", bytes(String(number)))));
      await host.events.publish("passing.n", bytes("-1"));
      await host.events.publish("kept.empty", new Uint8Array(0));
      assert.deepEqual(numbersOf((await heardUntil(host, "f", 52)).filter(({ topic }) => topic === "kept.n")), upTo(50));
      await eventually(() => statusOf(host, "f").waiting === 0);
      assert.deepEqual([statusOf(host, "s").waiting, statusOf(host, "s").kept, statusOf(host, "f").kept], [1, 51, 0]); // Durable ones wait in the database alone.
    });
    await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      const heard = await heardUntil(host, "s", 51);
      assert.deepEqual(numbersOf(heard.filter(({ topic }) => topic === "kept.n")), upTo(50));
      assert.deepEqual(heard.filter(({ topic }) => topic !== "kept.n").map(({ topic, size }) => [topic, size]), [["kept.empty", 0]]);
      await eventually(() => statusOf(host, "s").kept === 0);
      assert.deepEqual(await heardBy(host, "f"), []);
    });
    assert.equal((await linesOf(file)).length, 51);
    assert.deepEqual(rowsOf(folder), { events: 0, deliveries: 0 });
  });
});

test("D10: more than the queue holds waits in the database: none is lost, none doubled, the queue stays within its limit", async () => {
  await withFolder(async (folder) => {
    const plugins = { p: publisher(), s: listener({}, { events: { queue: 10 } }) };
    await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      let most = 0;
      const watch = setInterval(() => most = Math.max(most, statusOf(host, "s").waiting), 1);
      const [theirs] = await Promise.all([
        publishMany(host, "p", { topic: "kept.p", count: 1000, atOnce: 1 }),
        Promise.all(upTo(1000).map((number) => host.events.publish("kept.own", bytes(String(number))))),
      ]);
      assert.equal(theirs.published, 1000);
      const heard = await heardUntil(host, "s", 2000);
      clearInterval(watch);
      assert.deepEqual(numbersOf(heard.filter(({ topic }) => topic === "kept.own")), upTo(1000));
      assert.deepEqual(numbersOf(heard.filter(({ topic }) => topic === "kept.p")), upTo(1000));
      await eventually(() => statusOf(host, "s").kept === 0);
      const { delivered, dropped } = statusOf(host, "s");
      assert.deepEqual({ delivered, dropped }, { delivered: 2000, dropped: 0 });
      assert.ok(most <= 10, `${most} in the queue`);
    });
    assert.deepEqual(rowsOf(folder), { events: 0, deliveries: 0 });
  });
});

test("D10: a subscriber killed again and again midway loses none and keeps their order", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "heard");
    const keys = { events: { queue: 20 }, restart: { max: 100, min_delay: 0 } };
    await withDurable({ s: listener({ file }, keys) }, folder, async (host) => {
      await host.startAll();
      const published = Promise.all(upTo(600).map((number) => host.events.publish("kept.n", bytes(String(number)))));
      for (let times = 0; times < 4; times++) {
        await heardUntil(host, "s", 20).catch(() => {});
        await kill(host, "s");
      }
      await published;
      await eventually(() => statusOf(host, "s").kept === 0);
    });
    const numbers = numbersOf(await linesOf(file));
    assert.deepEqual([...new Set(numbers)], upTo(600));
    assert.ok(numbers.length <= 600 + 4, `${numbers.length} handled`);
    assert.ok(numbers.every((number, index) => index === 0 || number >= numbers[index - 1]!));
  });
});

test("D10: a host killed by SIGKILL while it publishes: what publish() had promised arrives, in order", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "heard");
    const marker = crypto.randomUUID();
    const slow = listener({ file, slowMs: 2 });
    const plugins = { s: { ...slow, env: { ...(slow["env"] as object), TEST_MARKER: marker } } };
    const config = join(folder, "config.json");
    await writeFile(config, JSON.stringify(durableConfig(plugins, folder)));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("tests/fixtures/holds_events.ts"), config, "100000"];
    const child = spawn(RUNTIME, args, { stdio: ["ignore", "pipe", "inherit"] });
    let promised = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== "ready") promised = Number(line) + 1;
      if (promised === 300) child.kill("SIGKILL");
    }
    await eventually(async () => (await processesWith(marker)).length === 0); // The plugin ends with its host.
    const before = (await linesOf(file)).length;
    assert.ok(promised >= 300 && before > 0 && before < promised, `${before} of ${promised}`);
    await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      await eventually(async () => new Set((await linesOf(file)).map(({ id }) => id)).size >= promised);
      await eventually(() => statusOf(host, "s").waiting === 0 && statusOf(host, "s").kept === 0);
    });
    const numbers = numbersOf(await linesOf(file));
    const different = [...new Set(numbers)];
    assert.deepEqual(different, upTo(different.length));
    assert.ok(different.length >= promised && different.length <= promised + 1);
    // What was acknowledged in the last moments before the kill may not have been written, and comes again.
    assert.ok(numbers.length - different.length <= 20, `${numbers.length - different.length} twice`);
  });
});

test("D10: a plugin on demand with events from before is started for them", async () => {
  await withFolder(async (folder) => {
    const plugins = { s: listener({}, { daemon: false }) };
    await withDurable(plugins, folder, async (host) => {
      await host.start("s");
      await host.stop("s");
      await host.events.publish("kept.n", bytes("1"));
    });
    await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      await eventually(() => statusOf(host, "s").delivered === 1);
    });
    await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      await host.events.publish("kept.n", bytes("2"));
      await eventually(() => statusOf(host, "s").delivered === 1);
      assert.deepEqual(numbersOf(await heardBy(host, "s")), [2]);
    });
  });
});

test("D10: a durable event that was given up is a dead letter, after a restart of the host too", async () => {
  await withFolder(async (folder) => {
    const plugins = { s: listener({}, { events: { max_attempts: 2 } }) };
    const records: PluginLog[] = [];
    const first = await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      await host.get("s").exec("listens.refuse", bytes("2"));
      await host.events.publish("kept.n", bytes("1"));
      await host.events.publish("kept.n", bytes("2"));
      await heardUntil(host, "s", 3);
      await eventually(() => statusOf(host, "s").kept === 0);
      return await host.events.deadLetters();
    }, records);
    assert.deepEqual(first.map(({ data, attempts, reason, plugin }) => [text(data), attempts, reason, plugin]), [[
      "1",
      2,
      "Busy: not now",
      "s",
    ]]);
    const second = await withDurable(plugins, folder, async (host) => {
      await host.startAll();
      return await host.events.deadLetters();
    });
    assert.deepEqual(second.map(({ id, data, reason }) => [id, text(data), reason]), [[first[0]!.id, "1", "Busy: not now"]]);
    assert.equal(records.filter(({ values }) => values["code"] === "events.dead_letter").length, 1);
  });
});

test("D10: where nothing can be written, publishing is host.state, and passing events go on", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "state"), "a file where the folder should be");
    const plugins = { s: listener(), p: publisher() };
    const config = durableConfig(plugins, folder);
    const host = await openHost("test", { config });
    try {
      await host.startAll().catch(() => {}); // The plugins' own data folders cannot be made either.
      await assert.rejects(host.events.publish("kept.n", bytes("1")), { code: "host.state", message: /Cannot open/ });
      await host.events.publish("passing", bytes("1"));
    } finally {
      await host.close();
    }
  });
});

test("D10: a database that cannot be written refuses to publish, is told of once, and serves on when it can be written again", async () => {
  await withFolder(async (folder) => {
    const records: PluginLog[] = [];
    const troubles = () => records.filter(({ plugin, values }) => plugin === "" && values["code"] === "host.state");
    await withDurable({ s: listener({ slowMs: 300 }), p: publisher() }, folder, async (host) => {
      await host.startAll();
      for (const number of upTo(2)) await host.events.publish(`kept.${number}`, bytes(String(number)));
      await eventually(() => statusOf(host, "s").waiting === 2); // Both have been read before the table goes.
      const other = new DatabaseSync(join(folder, "state", "hosts", "test.sqlite"));
      other.exec("DROP TABLE deliveries");
      await heardUntil(host, "s", 2); // Neither acknowledgement can be written.
      await assert.rejects(host.events.publish("kept.n", bytes("2")), { code: "host.state", message: /Cannot write events/ });
      assert.deepEqual((await publishMany(host, "p", { topic: "kept.n", count: 1 })).failed, ["host.state"]);
      await eventually(() => statusOf(host, "s").waiting === 0);
      assert.equal(troubles().length, 1);
      other.exec(`CREATE TABLE deliveries (
        seq INTEGER NOT NULL, subscriber TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, dead_since INTEGER, reason TEXT,
        PRIMARY KEY (seq, subscriber)
      ) STRICT, WITHOUT ROWID;`);
      other.close();
      await host.events.publish("kept.n", bytes("3"));
      assert.deepEqual(numbersOf(await heardUntil(host, "s", 3)).sort(), [0, 1, 3]);
    }, records);
  });
});
