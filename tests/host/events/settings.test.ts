/**
 * D14: a plugin hears the application's settings, the newest first, and each change, of several the last.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../../host/mod.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../../support.ts";
import { eventually, type Heard, heardBy, heardUntil, kill, listener, statusOf, WIRES } from "./listening.ts";

const HEARS = { subscribes: ["polyplug.settings"] };
const told = { on: ["polyplug.settings"] };

/** What the events say, as version and text. */
function valuesOf(heard: readonly Heard[]): [number, string][] {
  return heard.map((event) => {
    const { version, data } = JSON.parse(event.text);
    return [version, String.fromCharCode(...(data.match(/../g) ?? []).map((pair: string) => parseInt(pair, 16)))];
  });
}

async function settled(host: Host): Promise<void> {
  await eventually(() => statusOf(host, "s").waiting === 0);
}

for (const wire of WIRES) {
  test(`D14: over ${wire}: the current value first, of five the fifth last, never out of order, in the same process`, async () => {
    await withHost({ s: listener({ ...told, slowMs: 20 }, { ...keysOf(wire), ...HEARS }) }, async (host) => {
      assert.equal(await host.settings.set(bytes("first")), 1);
      await host.startAll();
      const pid = text(await host.get("s").exec("listens.pid"));
      assert.deepEqual(valuesOf(await heardUntil(host, "s", 1)), [[1, "first"]]);
      for (const value of ["a", "b", "c", "d", "e"]) await host.settings.set(bytes(value));
      await settled(host);
      const values = valuesOf(await heardBy(host, "s"));
      assert.deepEqual([values[0], values.at(-1)], [[1, "first"], [6, "e"]]);
      assert.deepEqual(values, values.toSorted(([one], [other]) => one - other));
      assert.ok(values.length < 6, `${values.length} events`);
      assert.equal(new Set(values.map(([version]) => version)).size, values.length);
      assert.equal(text(await host.get("s").exec("listens.pid")), pid);
    });
  });
}

test("D14: after a restart it gets the newest again, once", async () => {
  await withHost({ s: listener(told, HEARS) }, async (host) => {
    await host.startAll();
    for (const value of ["a", "b"]) await host.settings.set(bytes(value));
    await settled(host);
    const pid = await kill(host, "s");
    const heard = await heardUntil(host, "s", 1);
    await settled(host);
    assert.deepEqual(valuesOf(await heardBy(host, "s")), [[2, "b"]]);
    assert.ok(heard.every((event) => event.pid !== pid));
  });
});

test("D14: one that refuses a value gets the next instead of it", async () => {
  await withHost({ s: listener(told, HEARS) }, async (host) => {
    await host.startAll();
    await host.get("s").exec("listens.refuse", bytes("1000"));
    await host.settings.set(bytes("bad"));
    await heardUntil(host, "s", 1);
    await host.settings.set(bytes("good"));
    await eventually(async () => valuesOf(await heardBy(host, "s")).at(-1)?.[1] === "good");
    await host.get("s").exec("listens.refuse", bytes("0"));
    await settled(host);
    const values = valuesOf(await heardBy(host, "s"));
    assert.deepEqual(values, values.toSorted(([one], [other]) => one - other));
    assert.deepEqual(await host.events.deadLetters(), []);
  });
});

test("D14: settings.get gives the newest; before the first set there is none, and nothing is told", async () => {
  const agent = { ...typescriptPlugin("tests/fixtures/agent.ts"), socket: true, grants: { services: ["settings.get"] } };
  await withHost({ a: agent, s: listener(told, HEARS) }, async (host) => {
    await host.startAll();
    const get = async () =>
      JSON.parse(text(await host.get("a").exec("agent.call", bytes(JSON.stringify({ command: "settings.get", payload: "{}" })))));
    assert.deepEqual(await get(), { version: 0, data: "" });
    assert.deepEqual(host.settings.get(), { version: 0, data: new Uint8Array(0) });
    assert.deepEqual(await heardBy(host, "s"), []);
    const mine = new Uint8Array([1, 2]);
    await host.settings.set(mine);
    mine[0] = 7;
    host.settings.get().data[0] = 8;
    assert.deepEqual(await get(), { version: 1, data: "0102" });
    await assert.rejects(host.settings.set("text" as unknown as Uint8Array), TypeError);
  });
});
