/**
 * D8: events go from whoever publishes to all whose patterns fit, in order, over every wire.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../../support.ts";
import {
  eventually,
  heardBy,
  heardUntil,
  listener,
  numbersOf,
  publisher,
  publishMany,
  pythonListener,
  statusOf,
  upTo,
  WIRES,
} from "./listening.ts";

const json = (value: unknown) => bytes(JSON.stringify(value));

for (const wire of WIRES) {
  test(`D8: over ${wire}: what a plugin publishes another gets, in order, with its publisher's name`, async () => {
    const plugins = { p: publisher(["item.*"], keysOf(wire)), s: listener({ on: ["item.#"] }, keysOf(wire)) };
    await withHost(plugins, async (host) => {
      await host.startAll();
      assert.deepEqual(await publishMany(host, "p", { topic: "item.added", count: 20 }), { published: 20, failed: [] });
      const heard = await heardUntil(host, "s", 20);
      assert.deepEqual(numbersOf(heard), upTo(20));
      assert.ok(heard.every(({ from, topic, attempt }) => from === "p" && topic === "item.added" && attempt === 1));
      assert.equal(new Set(heard.map(({ id }) => id)).size, 20);
    });
  });
}

test("D8: patterns choose: a word, * for one, # for any number; both the configuration and the plugin's own must fit", async () => {
  const plugins = {
    one: listener({ on: ["a.b"] }),
    star: listener({ on: ["a.*"] }),
    hash: listener({ on: ["a.#"] }),
    both: listener({ on: ["#"] }, { subscribes: ["*.b.#"] }),
    none: listener({ on: ["#"] }, { subscribes: [] }),
  };
  await withHost(plugins, async (host) => {
    await host.startAll();
    for (const topic of ["a", "a.b", "a.c", "a.b.c", "z.b", "end.b"]) await host.events.publish(topic, bytes(topic));
    const all = async (plugin: string, last: number) => (await heardUntil(host, plugin, last)).map(({ topic }) => topic).sort();
    assert.deepEqual(await all("one", 1), ["a.b"]);
    assert.deepEqual(await all("star", 2), ["a.b", "a.c"]);
    assert.deepEqual(await all("hash", 4), ["a", "a.b", "a.b.c", "a.c"]);
    assert.deepEqual(await all("both", 4), ["a.b", "a.b.c", "end.b", "z.b"]);
    await eventually(() => host.events.subscribers.every(({ waiting }) => waiting === 0)); // The acknowledgement comes behind.
    assert.deepEqual(host.events.subscribers.map(({ plugin, delivered }) => [plugin, delivered]), [
      ["one", 1],
      ["star", 2],
      ["hash", 4],
      ["both", 4],
    ]);
    assert.deepEqual(await heardBy(host, "none"), []);
  });
});

test("D8: two publishers, the subscriber killed midway: each one's events in order, none missing", async () => {
  const plugins = { p: publisher(), q: publisher(), s: listener({ on: ["#"], slowMs: 1 }) };
  await withHost(plugins, async (host) => {
    await host.startAll();
    const pid = Number(text(await host.get("s").exec("listens.pid")));
    const publishing = Promise.all(["p", "q"].map((plugin) => publishMany(host, plugin, { topic: "n", count: 200 })));
    const before = await heardUntil(host, "s", 60);
    process.kill(pid, "SIGKILL");
    await publishing;
    await eventually(() => statusOf(host, "s").waiting === 0);
    const after = await heardBy(host, "s");
    assert.ok(after.every((event) => event.pid !== pid));
    for (const plugin of ["p", "q"]) {
      const first = numbersOf(before.filter(({ from }) => from === plugin));
      const second = numbersOf(after.filter(({ from }) => from === plugin));
      assert.deepEqual(first, upTo(first.length));
      assert.deepEqual(second, upTo(200).slice(-second.length));
      // What it heard just before it was killed, and acknowledged, nobody could tell us.
      assert.ok(statusOf(host, "s").dropped === 0 && statusOf(host, "s").delivered === 400);
    }
  });
});

test("D8: a plugin that is started later gets what is published from then on; one that has never run is started for it", async () => {
  const plugins = { first: listener(), later: listener(), asleep: listener({}, { daemon: false }) };
  await withHost(plugins, async (host) => {
    await host.start("first");
    await host.start("later");
    await host.stop("later");
    await host.events.publish("one", bytes("1"));
    assert.deepEqual(numbersOf(await heardUntil(host, "first", 1)), [1]);
    await host.start("later");
    await host.events.publish("two", bytes("2"));
    assert.deepEqual(numbersOf(await heardUntil(host, "later", 2)).sort(), [1, 2]);
    assert.deepEqual(numbersOf(await heardUntil(host, "asleep", 2)).sort(), [1, 2]);
  });
});

test("D8: a publisher does not get its own unless it asks; the host's events reach a plugin of the host's name", async () => {
  const keys = { subscribes: ["#"], grants: { publish: ["#"], services: ["events.*"] } };
  const own = { env: { LISTENS: '{"on":["#"]}' }, ...keys };
  const both = { ...typescriptPlugin("tests/fixtures/both.ts"), socket: true };
  await withHost({ shy: { ...both, ...own }, vain: { ...both, ...own, events: { own: true } }, test: listener() }, async (host) => {
    await host.startAll();
    for (const plugin of ["shy", "vain"]) await host.get(plugin).exec("both.publish", json({ topic: "t", data: "" }));
    await host.events.publish("end", bytes("end"));
    await eventually(() => host.events.subscribers.every(({ waiting }) => waiting === 0));
    const from = async (plugin: string) => JSON.parse(text(await host.get(plugin).exec("both.heard"))).sort();
    assert.deepEqual(await from("shy"), ["test", "vain"]);
    assert.deepEqual(await from("vain"), ["shy", "test", "vain"]);
    assert.deepEqual((await heardBy(host, "test")).map((event) => event.from).sort(), ["shy", "test", "vain"]);
  });
});

test("D8: a plugin in Python, standard library alone, gets events", { skip: languageSkip("python") }, async () => {
  await withHost({ s: pythonListener("item.*"), p: publisher() }, async (host) => {
    await host.startAll();
    await publishMany(host, "p", { topic: "item.added", count: 5 });
    await publishMany(host, "p", { topic: "other", count: 5 });
    await eventually(() => statusOf(host, "s").delivered === 5);
    const heard = JSON.parse(text(await host.get("s").exec("listens.heard")));
    assert.deepEqual(heard.map((event: { data: string }) => event.data), ["30", "31", "32", "33", "34"]);
    assert.deepEqual(Object.keys(heard[0]).sort(), ["attempt", "data", "from", "id", "pid", "topic"]);
  });
});

test("D8: nobody publishes on the framework's topics, or where it is not granted; bad input is refused and disturbs nobody", async () => {
  const both = { ...typescriptPlugin("tests/fixtures/both.ts"), socket: true };
  const records: PluginLog[] = [];
  await withHost(
    { p: { ...both, grants: { publish: ["item.*", "polyplug.#"], services: ["events.subscribe"] } }, s: listener() },
    async (host) => {
      await host.startAll();
      const code = async (command: string, payload: string) =>
        JSON.parse(text(await host.get("p").exec("both.try", json({ command, payload })))).code;
      assert.equal(await code("events.publish", '{"topic":"polyplug.tick","data":""}'), "exec.not_granted");
      assert.equal(await code("events.publish", '{"topic":"polyplug","data":""}'), "exec.not_granted");
      assert.equal(await code("events.publish", '{"topic":"other","data":""}'), "exec.not_granted");
      assert.equal(await code("events.publish", '{"topic":"item.a","data":"0g"}'), "exec.invalid_input");
      assert.equal(await code("events.publish", '{"topic":"item..a","data":""}'), "exec.invalid_input");
      assert.equal(await code("events.publish", '{"topic":7}'), "exec.invalid_input");
      assert.match(await code("events.publish", "{"), /^exec\.(invalid_input|bad_request)$/);
      assert.equal(await code("events.subscribe", '{"pattern":"a.**"}'), "exec.invalid_input");
      assert.equal(await code("events.subscribe", '{"pattern":"a"}'), "exec.not_granted");
      assert.equal(await code("events.unsubscribe", '{"pattern":"a"}'), "exec.not_granted");
      for (const topic of ["polyplug.tick", "polyplug", "", "a..b", "a.*", Array(33).fill("a").join(".")]) {
        await assert.rejects(host.events.publish(topic, bytes("")), TypeError, topic);
      }
      await assert.rejects(host.events.publish("a", "text" as unknown as Uint8Array), TypeError);
      assert.throws(() => host.events.subscribe("a.**"), TypeError);
      assert.throws(() => host.events.subscribe("a", { queue: 0 }), RangeError);
      assert.throws(() => host.events.subscribe("a", { overflow: "none" as "block" }), TypeError);
      assert.equal(await code("events.publish", '{"topic":"item.a"}'), undefined);
      assert.deepEqual((await heardUntil(host, "s", 1)).map(({ topic, size }) => [topic, size]), [["item.a", 0]]);
      assert.ok(records.some(({ plugin, level }) => plugin === "p" && level === "warn"));
    },
    { onLog: (record) => records.push(record) },
  );
});

test("D8: the application subscribes: its own events and those of plugins, until it breaks, aborts, or the host closes", async () => {
  const { ended } = await withHost({ p: publisher() }, async (host) => {
    const all = host.events.subscribe("#");
    const some = host.events.subscribe("item.*");
    const controller = new AbortController();
    const aborted = host.events.subscribe("#", { signal: controller.signal });
    await host.events.publish("item.a", bytes("own"));
    await publishMany(host, "p", { topic: "item.b", count: 2 });
    await host.events.publish("x", bytes("x"));
    const heard: string[] = [];
    for await (const { topic, from, data } of some) {
      heard.push(`${topic} ${from} ${text(data)}`);
      if (heard.length === 3) break;
    }
    assert.deepEqual(heard, ["item.a test own", "item.b p 0", "item.b p 1"]);
    assert.equal(host.events.subscribers.length, 2);
    controller.abort();
    assert.deepEqual(await Array.fromAsync(aborted), []);
    assert.equal(host.events.subscribers.length, 1);
    return { ended: Array.fromAsync(all, ({ topic }) => topic) }; // The promise itself would hold the close that ends it.
  });
  assert.deepEqual(await ended, ["item.a", "item.b", "item.b", "x"]);
});

test("D8: a closed host takes no events and ends subscriptions at once", async () => {
  const host = await withHost({ p: publisher() }, (open) => Promise.resolve(open));
  await assert.rejects(host.events.publish("a", bytes("")), { code: "host.closed" });
  assert.deepEqual(await Array.fromAsync(host.events.subscribe("#")), []);
});

test("D8: one that lacks the feature is told of once, and gets nothing", async () => {
  const records: PluginLog[] = [];
  const plain = { ...typescriptPlugin("tests/fixtures/agent.ts"), socket: true, subscribes: ["#"], tick: 0.01 };
  await withHost({ plain, s: listener() }, async (host) => {
    await host.startAll();
    for (let count = 0; count < 10; count++) await host.events.publish("a", bytes(String(count)));
    await heardUntil(host, "s", 10);
    await eventually(() => records.some(({ values }) => values["code"] === "events.unsupported"));
    assert.equal(records.filter(({ values }) => values["code"] === "events.unsupported").length, 1);
    assert.deepEqual(host.events.subscribers.map(({ plugin }) => plugin), ["s"]);
    assert.deepEqual(await host.events.deadLetters(), []);
  }, { onLog: (record) => records.push(record) });
});

test("D8: 7 MiB arrive; 16 MiB reach the application, and for a plugin, whose payload they cannot fit, are a dead letter", async () => {
  await withHost({ s: listener() }, async (host) => {
    await host.startAll();
    const mine = host.events.subscribe("#")[Symbol.asyncIterator]();
    await host.events.publish("big", new Uint8Array(7 * 1024 * 1024));
    assert.equal((await heardUntil(host, "s", 1))[0]?.size, 7 * 1024 * 1024);
    await host.events.publish("bigger", new Uint8Array(16 * 1024 * 1024));
    await eventually(() => statusOf(host, "s").dead === 1);
    const [letter] = await host.events.deadLetters();
    assert.match(letter?.reason ?? "", /^caller\.too_large: /);
    assert.equal(letter?.data.length, 16 * 1024 * 1024);
    assert.deepEqual([(await mine.next()).value?.topic, (await mine.next()).value?.data.length], ["big", 16 * 1024 * 1024]);
  });
});
