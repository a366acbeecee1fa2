/**
 * D10: an event is sent again until the plugin has acknowledged it, or is given up; subscriptions come back with their plugin.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { openHost, type PluginLog } from "../../../host/mod.ts";
import { definePlugin, serve } from "../../../plugin/mod.ts";
import type { PluginEvent } from "../../../protocol/event.ts";
import { languageSkip } from "../../languages.ts";
import { bytes, configOf, text, withFolder, withHost } from "../../support.ts";
import {
  eventually,
  heardBy,
  heardUntil,
  kill,
  listener,
  numbersOf,
  publisher,
  publishMany,
  pythonListener,
  statusOf,
} from "./listening.ts";

const json = (value: unknown) => bytes(JSON.stringify(value));

test("D10: the same id again until it is acknowledged, and those behind it wait", async () => {
  await withHost({ s: listener() }, async (host) => {
    await host.startAll();
    await host.get("s").exec("listens.refuse", bytes("3"));
    const id = await host.events.publish("n", bytes("1"));
    await host.events.publish("n", bytes("2"));
    const heard = await heardUntil(host, "s", 5);
    assert.deepEqual(heard.map((event) => [event.text, event.attempt]), [["1", 1], ["1", 2], ["1", 3], ["1", 4], ["2", 1]]);
    assert.ok(heard.slice(0, 4).every((event) => event.id === id));
    assert.deepEqual(await host.events.deadLetters(), []);
  });
});

test("D10: after max_attempts it is a dead letter, and the next one comes", async () => {
  const records: PluginLog[] = [];
  await withHost({ s: listener({}, { events: { max_attempts: 3 } }) }, async (host) => {
    await host.startAll();
    await host.get("s").exec("listens.refuse", bytes("3"));
    const id = await host.events.publish("n", bytes("1"));
    await host.events.publish("n", bytes("2"));
    await heardUntil(host, "s", 4);
    const [letter, ...others] = await host.events.deadLetters();
    assert.deepEqual(others, []);
    assert.deepEqual([letter?.plugin, letter?.id, letter?.topic, letter?.from, letter?.attempts], ["s", id, "n", "test", 3]);
    assert.equal(letter?.reason, "Busy: not now");
    assert.equal(text(letter?.data ?? bytes("")), "1");
    assert.equal(statusOf(host, "s").dead, 1);
    assert.equal(records.filter(({ plugin, values }) => plugin === "s" && values["code"] === "events.dead_letter").length, 1);
  }, { onLog: (record) => records.push(record) });
});

test("D10: one that takes longer than ack_timeout comes again, and is not handled twice at a time", async () => {
  await withHost({ s: listener({ slowMs: 700 }, { events: { ack_timeout: 0.2 } }) }, async (host) => {
    await host.startAll();
    await host.events.publish("n", bytes("1"));
    await host.events.publish("n", bytes("2"));
    await eventually(() => statusOf(host, "s").delivered === 2);
    assert.deepEqual((await heardBy(host, "s")).map((event) => [event.text, event.attempt]), [["1", 1], ["2", 1]]);
    assert.equal(Number(text(await host.get("s").exec("listens.open"))), 1);
  });
});

test("D10: only the dead letters that fit are remembered, the newest", async () => {
  await withHost({ s: listener({}, { events: { max_attempts: 1, queue: 2000 } }) }, async (host) => {
    await host.startAll();
    await host.get("s").exec("listens.refuse", bytes("1005"));
    for (let number = 0; number < 1005; number++) await host.events.publish("n", bytes(String(number)));
    await eventually(() => statusOf(host, "s").dead === 1005);
    const letters = await host.events.deadLetters();
    assert.equal(letters.length, 1000);
    assert.deepEqual([text(letters[0]!.data), text(letters.at(-1)!.data)], ["5", "1004"]);
  });
});

test(
  "D10: a killed plugin hears on with the same subscriptions, each event once, those of run time too",
  { skip: languageSkip("python") },
  async () => {
    const s = pythonListener("info.*", { subscribes: ["info.*", "asked.#"], grants: { services: ["events.*"] } });
    await withHost({ s }, async (host) => {
      await host.startAll();
      const ask = async (command: string, pattern: string) =>
        text(await host.get("s").exec("listens.ask", json({ command, input: { pattern } })));
      const heard = async () =>
        JSON.parse(text(await host.get("s").exec("listens.heard"))).map(({ topic }: { topic: string }) => topic).sort();
      const publishAll = async () => {
        for (const topic of ["info.a", "asked.a", "other.a"]) await host.events.publish(topic, bytes(""));
        await eventually(() => statusOf(host, "s").waiting === 0);
      };
      await publishAll();
      assert.deepEqual(await heard(), ["info.a"]);
      for (let times = 0; times < 3; times++) assert.match(await ask("events.subscribe", "asked.*"), /"success"/);
      assert.match(await ask("events.subscribe", "other.*"), /exec\.not_granted/);
      await publishAll();
      assert.deepEqual(await heard(), ["asked.a", "info.a", "info.a"]);
      await kill(host, "s");
      await publishAll();
      assert.deepEqual(await heard(), ["asked.a", "info.a"]);
      assert.match(await ask("events.unsubscribe", "asked.*"), /"success"/);
      await publishAll();
      assert.deepEqual(await heard(), ["asked.a", "info.a", "info.a"]);
    });
  },
);

test("D10: a plugin asks for a thousand patterns at most", { skip: languageSkip("python") }, async () => {
  await withHost({ s: pythonListener("", { grants: { services: ["events.*"] } }) }, async (host) => {
    await host.startAll();
    const ask = async (pattern: string) =>
      text(await host.get("s").exec("listens.ask", json({ command: "events.subscribe", input: { pattern } })));
    for (let number = 0; number < 1000; number++) await ask(`a.n${number}`);
    assert.match(await ask("a.more"), /exec\.too_many_patterns/);
    assert.match(await ask("a.n7"), /"success"/);
  });
});

test("D10: a reload that takes subscribes away leaves nothing behind; one that gives them lets a plugin hear from then on", async () => {
  await withFolder(async (folder) => {
    const config = join(folder, "goplugin.toml");
    const write = async (s: Record<string, unknown>, t: Record<string, unknown>) => {
      const plugins = { s: listener({ slowMs: 50 }, s), t: listener({}, t) };
      await writeFile(config, stringify(configOf(plugins, join(folder, "state"))));
    };
    await write({}, { subscribes: [] });
    const host = await openHost("test", { config });
    try {
      await host.startAll();
      for (let number = 0; number < 20; number++) await host.events.publish("n", bytes(String(number)));
      await heardUntil(host, "s", 2);
      await write({ subscribes: [] }, {});
      await Promise.all([host.reload("s"), host.reload("t")]);
      await eventually(() => host.events.subscribers.every(({ waiting }) => waiting === 0));
      await host.events.publish("n", bytes("20"));
      assert.deepEqual(numbersOf(await heardUntil(host, "t", 1)), [20]);
      assert.deepEqual(await heardBy(host, "s"), []);
      assert.deepEqual(host.events.subscribers.map(({ plugin }) => plugin), ["t"]);
    } finally {
      await host.close();
    }
  });
});

test("D10: an attached plugin gets events as any other", async () => {
  const heard: PluginEvent[] = [];
  const here = definePlugin({ name: "here", version: "1.0.0", on: { n: (event) => void heard.push(event) }, commands: {} });
  const served = await serve(here, { listen: "127.0.0.1", port: 0, signal: new AbortController().signal });
  try {
    await withHost({ s: { attach: served.address, subscribes: ["#"] }, p: publisher() }, async (host) => {
      await host.startAll();
      await publishMany(host, "p", { topic: "n", count: 3 });
      await eventually(() => statusOf(host, "s").delivered === 3);
      assert.deepEqual(heard.map(({ data, from }) => [text(data), from]), [["0", "p"], ["1", "p"], ["2", "p"]]);
    });
  } finally {
    await served.close();
  }
});
