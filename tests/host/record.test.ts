/**
 * Row C22: calls are recorded with their answers, and a reload with such a record switches only to a process that answers alike.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Host, openHost, type PluginHandle, recorded } from "../../host/mod.ts";
import { openStandIn } from "./process/stand_in.ts";
import { assertNoneLeft, bytes, configOf, keysOf, processesWith, text, typescriptPlugin, withFolder, withHost } from "../support.ts";

const lively = typescriptPlugin("tests/fixtures/lively.ts");

interface Edited {
  readonly host: Host;
  readonly handle: PluginHandle;
  /** The plugin's table, which applies at the next reload. */
  readonly table: Record<string, unknown>;
  readonly folder: string;
  readonly file: string;
  readonly marker: string;
  /** Writes a record by hand. */
  write(lines: readonly Record<string, unknown>[]): Promise<void>;
}

/** Opens a host of one plugin, which runs, and whose table the test edits. */
async function withLively(keys: Record<string, unknown>, use: (edited: Edited) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const table: Record<string, unknown> = { ...lively, socket: false, ...keys, env: { TEST_MARKER: marker } };
    const config = { ...configOf({}, join(folder, "state")), plugins: { hello: table }, hosts: { test: { plugins: ["hello"] } } };
    const host = await openHost("test", { config });
    const file = join(folder, "calls.jsonl");
    const write = (lines: readonly Record<string, unknown>[]) => writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    try {
      await use({ host, handle: await host.start("hello"), table, folder, file, marker, write });
    } finally {
      await host.close();
      await assertNoneLeft(marker);
    }
  });
}

const hex = (value: string) => Buffer.from(value).toString("hex");
const pidOf = async (handle: PluginHandle) => Number(text(await handle.exec("lively.pid")));

async function readLines(file: string): Promise<readonly Record<string, unknown>[]> {
  const content = await readFile(file, "utf8");
  assert.ok(content.endsWith("\n"));
  return content.trimEnd().split("\n").map((line) => JSON.parse(line));
}

test("C22: recorded() gives the same answers and errors, and writes them a line each", async () => {
  await withFolder(async (folder) => {
    await withHost({ lively }, async (host) => {
      const file = join(folder, "calls.jsonl");
      const caller = recorded(host.get("lively"), pathToFileURL(file));
      assert.equal(await caller.ping(), "pong");
      assert.equal(text(await caller.exec("lively.greet", bytes("Ann"))), "Hello Ann!");
      assert.equal(text(await caller.exec("lively.inits")), "1");
      await assert.rejects(caller.exec("lively.none"), { code: "exec.unknown_command" });
      await assert.rejects(caller.exec("lively.wait", bytes("60000"), { timeoutMs: 20 }), { code: "caller.timeout" });
      await assert.rejects(caller.exec("polyplug.info"), TypeError);
      const [greet, inits, none, wait, ...more] = await readLines(file);
      assert.deepEqual(greet, { command: "lively.greet", payload: hex("Ann"), answer: hex("Hello Ann!") });
      assert.deepEqual(inits, { command: "lively.inits", payload: "", answer: hex("1") });
      assert.partialDeepStrictEqual(none, { command: "lively.none", error: { code: "exec.unknown_command", origin: "plugin" } });
      assert.partialDeepStrictEqual(wait, { payload: hex("60000"), error: { code: "caller.timeout", origin: "host" } });
      assert.deepEqual(more, []);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    });
  });
});

test("C22: calls at once are recorded whole, each before it ends, in the order in which they end; a second recorder goes on", async () => {
  await withFolder(async (folder) => {
    await withHost({ lively }, async (host) => {
      const file = join(folder, "calls.jsonl");
      const caller = recorded(host.get("lively"), file);
      const large = "x".repeat(100_000);
      const ended: string[] = [];
      await Promise.all(Array.from({ length: 30 }, async (_, call) => {
        const name = `${call}${large}`;
        await caller.exec("lively.greet", bytes(name));
        ended.push(hex(name));
        assert.ok((await readFile(file, "utf8")).includes(`"${hex(name)}"`));
      }));
      assert.deepEqual((await readLines(file)).map(({ payload }) => payload), ended);
      await recorded(host.get("lively"), file).exec("lively.inits");
      assert.equal((await readLines(file)).length, 31);
    });
  });
});

test("C22: where no record can be written nothing is sent, and once it can, calls go on", async () => {
  await withFolder(async (folder) => {
    await withHost({ lively }, async (host) => {
      const handle = host.get("lively");
      const caller = recorded(handle, join(folder, "none", "calls.jsonl"));
      await assert.rejects(caller.exec("lively.inits"), {
        code: "host.not_recorded",
        message: /"lively\.inits" was not sent, since ".*none/,
      });
      assert.equal(handle.state.kind, "idle");
    });
  });
});

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C22: ${wire}: a new process that answers alike takes over, and got each recorded call once`, async () => {
    await withLively(keysOf(wire), async ({ host, handle, table, folder, file }) => {
      const notes = join(folder, "notes");
      const caller = recorded(handle, file);
      for (const name of ["Ann", "Bob"]) await caller.exec("lively.greet", bytes(name));
      await caller.exec("lively.note", bytes(notes), { requestId: "recorded" });
      await assert.rejects(caller.exec("lively.none"), { code: "exec.unknown_command" });
      const pid = await pidOf(handle);
      table["timeout"] = 20;
      await host.reload("hello", { replay: file });
      assert.notEqual(await pidOf(handle), pid);
      const [first, second, ...more] = (await readFile(notes, "utf8")).trimEnd().split("\n");
      assert.deepEqual([first, second === "recorded", more], ["recorded", false, []]);
    });
  });

  test(`C22: ${wire}: one that answers otherwise is ended, the error says where, and the old one serves on`, async () => {
    await withLively(keysOf(wire), async ({ host, handle, table, file, marker }) => {
      const caller = recorded(handle, file);
      await caller.exec("lively.inits");
      for (const name of ["Ann", "Bob"]) await caller.exec("lively.greet", bytes(name));
      const pid = await pidOf(handle);
      table["config"] = { lang: "es" };
      const lines = [
        `The new process of plugin "hello" answers otherwise than was recorded in "${file}":`,
        '  line 2, lively.greet: "Hola Ann!" in place of "Hello Ann!"',
        '  line 3, lively.greet: "Hola Bob!" in place of "Hello Bob!"',
      ];
      const error = { code: "host.differs", plugin: "hello", message: lines.join("\n") };
      await assert.rejects(host.reload("hello", { replay: file }), error);
      assert.equal(await pidOf(handle), pid);
      assert.deepEqual(await processesWith(marker), [pid]);
      await host.reload("hello");
      assert.equal(text(await handle.exec("lively.greet", bytes("Ann"))), "Hola Ann!");
    });
  });
}

test("C22: errors are compared by their codes, and long answers shown where they differ", async () => {
  await withLively({}, async ({ host, file, write }) => {
    const error = (code: string) => ({ code, origin: "plugin", message: "as it was" });
    const long = "a".repeat(100);
    await write([
      { command: "lively.none", payload: "", error: error("exec.unknown_command") },
      { command: "lively.none", payload: "", error: error("exec.failed") },
      { command: "lively.none", payload: "", answer: hex("fine\n") },
      { command: "lively.greet", payload: hex("Ann"), error: error("exec.failed") },
      { command: "lively.greet", payload: hex(`${long}b`), answer: hex(`Hello ${long}c`) },
    ]);
    await assert.rejects(host.reload("hello", { replay: file }), (thrown: Error) => {
      const [, second, third, fourth, fifth, ...more] = thrown.message.split("\n");
      assert.match(second ?? "", /^ {2}line 2, lively\.none: exec\.unknown_command \(.*\) in place of exec\.failed \(as it was\)$/);
      assert.match(third ?? "", /^ {2}line 3, lively\.none: exec\.unknown_command \(.*\) in place of "fine\\n"$/);
      assert.equal(fourth, '  line 4, lively.greet: "Hello Ann!" in place of exec.failed (as it was)');
      assert.equal(fifth, `  line 5, lively.greet: byte 90 on: …"${"a".repeat(16)}b!" in place of byte 90 on: …"${"a".repeat(16)}c"`);
      assert.deepEqual(more, []);
      return true;
    });
  });
});

test("C22: a call that had failed on its way is not sent; one that ends the new process, or its deadline, is a difference", async () => {
  await withLively({ timeout: 0.5 }, async ({ host, handle, file, marker, write }) => {
    const pid = await pidOf(handle);
    await write([{ command: "lively.exit", payload: "", error: { code: "caller.lost", origin: "host", message: "" } }]);
    await host.reload("hello", { replay: file });
    const next = await pidOf(handle);
    assert.notEqual(next, pid);
    assert.equal(host.plugins[0]?.restarts, 0);
    await write([{ command: "lively.wait", payload: hex("60000"), answer: "" }]);
    await assert.rejects(host.reload("hello", { replay: file }), {
      code: "host.differs",
      message: /line 1, lively\.wait: caller\.timeout/,
    });
    await write(Array.from({ length: 30 }, () => ({ command: "lively.exit", payload: "", answer: "" })));
    await assert.rejects(host.reload("hello", { replay: file }), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, "host.differs");
      assert.match(thrown.message, /line 1, lively\.exit: caller\.lost/);
      assert.equal(thrown.message.match(/^ {2}line/gm)?.length, 10);
      assert.match(thrown.message, /\n {2}further calls were not sent$/);
      return true;
    });
    assert.equal(await pidOf(handle), next);
    assert.deepEqual(await processesWith(marker), [next]);
  });
});

const wrong: readonly (readonly [title: string, content: string])[] = [
  ["is no JSON", "{"],
  ["is empty in the middle", '\n{"command":"lively.inits","payload":"","answer":""}'],
  ["has bad hex", '{"command":"lively.inits","payload":"0","answer":""}'],
  ["has neither answer nor error", '{"command":"lively.inits","payload":""}'],
  ["has a command of the framework", '{"command":"polyplug.shutdown","payload":"","answer":""}'],
];

test("C22: a record that cannot be read, or is none, is host.bad_record, and the old process serves on", async () => {
  await withLively({}, async ({ host, handle, file }) => {
    const pid = await pidOf(handle);
    await assert.rejects(host.reload("hello", { replay: file }), { code: "host.bad_record", message: /calls\.jsonl.*ENOENT/ });
    for (const [title, content] of wrong) {
      await writeFile(file, content);
      await assert.rejects(host.reload("hello", { replay: file }), { code: "host.bad_record", message: /calls\.jsonl", line 1:/ }, title);
    }
    assert.equal(await pidOf(handle), pid);
  });
});

test("C22: a plugin with a fixed port comes back with its old configuration when the new process answers otherwise", async () => {
  const free = await openStandIn(() => ({}));
  await free.close();
  await withLively({ comm_port: free.port }, async ({ host, handle, table, file, marker }) => {
    await recorded(handle, file).exec("lively.greet", bytes("Ann"));
    table["config"] = { lang: "es" };
    await assert.rejects(host.reload("hello", { replay: file }), { code: "host.differs" });
    assert.equal(text(await handle.exec("lively.greet", bytes("Ann"))), "Hello Ann!");
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
    table["config"] = { lang: "en" };
    const pid = await pidOf(handle);
    process.kill(pid, "SIGKILL");
    await host.reload("hello", { replay: file });
    assert.equal(text(await handle.exec("lively.config")), '{"lang":"en"}');
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
  });
});

test("C22: a reload given up with its signal leaves the old process, with a fixed port too", async () => {
  const free = await openStandIn(() => ({}));
  await free.close();
  for (const keys of [{}, { comm_port: free.port }]) {
    await withLively(keys, async ({ host, handle, file, marker, write }) => {
      await write([{ command: "lively.wait", payload: hex("60000"), answer: "" }]);
      const old = await pidOf(handle);
      const controller = new AbortController();
      const reload = assert.rejects(host.reload("hello", { replay: file, signal: controller.signal }), { message: "no more" });
      await startedAnother(handle, marker, old);
      controller.abort(new Error("no more"));
      await reload;
      assert.equal(text(await handle.exec("lively.inits")), "1");
      assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
    });
  }
});

test("C22: a stop during the replay ends both processes; a stopped plugin has nothing to be compared with", async () => {
  const free = await openStandIn(() => ({}));
  await free.close();
  for (const keys of [{}, { comm_port: free.port }]) {
    await withLively(keys, async ({ host, handle, file, marker, write }) => {
      await write([{ command: "lively.wait", payload: hex("60000"), answer: "" }]);
      const old = await pidOf(handle);
      const reload = assert.rejects(host.reload("hello", { replay: file }), { code: "host.stopped" });
      await startedAnother(handle, marker, old);
      await host.stop("hello");
      await reload;
      await assertNoneLeft(marker);
      assert.equal(handle.state.kind, "stopped");
      await assert.rejects(host.reload("hello", { replay: file }), { code: "host.stopped" });
    });
  }
});

/** Waits until the process of a reload runs beside the old one, or in its place. */
async function startedAnother(handle: PluginHandle, marker: string, old: number): Promise<void> {
  for (;;) {
    const pids = await processesWith(marker);
    if (pids.some((pid) => pid !== old)) return;
    if (handle.state.kind === "stopped") throw new Error("It was stopped");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
