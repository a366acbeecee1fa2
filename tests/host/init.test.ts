/**
 * Row C7: a plugin gets its configuration before any other call, at each start anew, and may refuse it.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, bytes, keysOf, pythonPlugin, text, typescriptPlugin, withHost } from "../support.ts";
import { reached, startError } from "./process/observe.ts";

const skip = languageSkip("python");
const lively = typescriptPlugin("tests/fixtures/lively.ts");
const plain = pythonPlugin("tests/fixtures/process/plain.py");

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C7: ${wire}: each process is initialised once, with the config, before the first call`, async () => {
    const config = { lang: "es", none: "\u0000 ÿ", deep: { list: [1, 2.5, true] } };
    await withHost({ lively: { ...lively, ...keysOf(wire), config } }, async (host) => {
      const handle = host.get("lively");
      const pids = new Set<string>();
      for (let launch = 1; launch <= 3; launch++) {
        // All of them wait for the start, and none overtakes the init.
        const greetings = await Promise.all(Array.from({ length: 20 }, () => handle.exec("lively.greet", bytes("Ann"))));
        assert.deepEqual(new Set(greetings.map(text)), new Set(["Hola Ann!"]));
        assert.deepEqual(JSON.parse(text(await handle.exec("lively.config"))), config);
        assert.equal(text(await handle.exec("lively.inits")), "1");
        pids.add(text(await handle.exec("lively.pid")));
        const gone = reached(handle, "restarting");
        process.kill(host.plugins[0]?.pid ?? 0, "SIGKILL");
        await gone;
      }
      assert.equal(pids.size, 3);
    });
  });

  test(`C7: ${wire}: a plugin that refuses its config fails the start with its own message, and no process is left`, async () => {
    await withHost({ lively: { ...lively, ...keysOf(wire), config: "refuse" } }, async (host, marker) => {
      const error = await startError(host, "lively");
      assert.equal(error.code, "ready.init");
      assert.equal(error.origin, "host");
      assert.match(error.message, /^Cannot start plugin "lively": .*: there is no database at that address$/);
      assert.equal(error.hint, "Correct config in its configuration");
      await assertNoneLeft(marker);
      assert.equal(host.plugins[0]?.state.kind, "idle");
      await assert.rejects(host.get("lively").ping(), { code: "ready.init" });
    });
  });
}

test("C7: without a config the plugin is initialised with no bytes", async () => {
  await withHost({ lively }, async (host) => {
    assert.equal(text(await host.get("lively").exec("lively.inits")), "1");
    assert.equal((await host.get("lively").exec("lively.config")).length, 0);
  });
});

test("C7: an init that ends the process is ready.exited with its exit code", async () => {
  await withHost({ lively: { ...lively, config: "exit" } }, async (host, marker) => {
    const error = await startError(host, "lively");
    assert.equal(error.code, "ready.exited");
    assert.match(error.message, /exited with code 4/);
    await assertNoneLeft(marker);
  });
});

test("C7: an init that never ends is ready.timeout at the start limit, and no process is left", async () => {
  await withHost({ lively: { ...lively, config: "hang", start_timeout: 2 } }, async (host, marker) => {
    const error = await startError(host, "lively");
    assert.equal(error.code, "ready.timeout");
    assert.match(error.message, /its init did not end within 2000 ms of the start/);
    assert.match(error.hint ?? "", /start_timeout/);
    await assertNoneLeft(marker);
  });
});

test("C7: a stop while a plugin is initialised ends it", async () => {
  await withHost({ lively: { ...lively, config: "hang" } }, async (host, marker) => {
    const start = assert.rejects(host.start("lively"), { code: "host.stopped" });
    await reached(host.get("lively"), "starting");
    // It says nothing of its init; that it listens is as near as one can see.
    await new Promise((resolve) => setTimeout(resolve, 700));
    await host.stop("lively");
    await start;
    await assertNoneLeft(marker);
  });
});

test("C7: a config that was refused is taken by the next start, once it is another", async () => {
  process.env["TEST_INIT"] = "refuse";
  await withHost({ lively: { ...lively, config: "env://TEST_INIT" } }, async (host) => {
    await assert.rejects(host.start("lively"), { code: "ready.init" });
    process.env["TEST_INIT"] = '{"lang":"es"}';
    assert.equal(text(await host.get("lively").exec("lively.greet", bytes("Bo"))), "Hola Bo!");
  });
  delete process.env["TEST_INIT"];
});

test("C7: a restart with a config that is refused goes on trying, and is crashed after too often", async () => {
  process.env["TEST_INIT"] = "{}";
  const restart = { max: 2, min_delay: 0.05, max_delay: 0.05 };
  await withHost({ lively: { ...lively, restart, config: "env://TEST_INIT" } }, async (host, marker) => {
    const handle = await host.start("lively");
    process.env["TEST_INIT"] = "refuse";
    process.kill(host.plugins[0]?.pid ?? 0, "SIGKILL");
    await reached(handle, "crashed");
    await assert.rejects(handle.ping(), { code: "host.crashed", message: /there is no database at that address/ });
    await assertNoneLeft(marker);
  });
  delete process.env["TEST_INIT"];
});

test(
  "C7: a plugin without the feature is never sent its config; one that only the configuration says to have it is",
  { skip },
  async () => {
    await withHost({ plain: { ...plain, config: { a: 1 } }, forced: { ...plain, config: { a: 1 }, features: ["init"] } }, async (host) => {
      assert.equal(await host.get("plain").ping(), "pong");
      // It knows no command of that name, drops the connection, and so shows that the one above would have failed.
      const { code } = await startError(host, "forced");
      assert.match(code, /^(caller\.lost|ready\.init)$/);
    });
  },
);

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C7: ${wire}: a config of exactly max_payload is given, one byte more is config.invalid, which tells both`, async () => {
    const [fits, larger] = [10_000, 10_001].map((length) => "é".repeat(length / 2) + (length % 2 === 0 ? "" : "x"));
    const plugin = { ...lively, ...keysOf(wire), max_payload: 10_000 };
    await withHost({ fits: { ...plugin, config: `"${fits?.slice(1)}"` }, larger: { ...plugin, config: larger } }, async (host, marker) => {
      assert.equal((await host.get("fits").exec("lively.config")).length, 10_000);
      await host.stop("fits");
      const error = await startError(host, "larger");
      assert.equal(error.code, "config.invalid");
      assert.match(error.message, /^plugins\.larger\.config has 10001 bytes, and max_payload is 10000$/);
      await assertNoneLeft(marker);
    });
  });
}
