/**
 * Rows A9 to A13 through the host on gRPC, Connect and the framed socket: what the tests beside this folder show on REST.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import type { Host, PluginHandle } from "../../../host/mod.ts";
import { bytes, keysOf, measureLagMs, text, typescriptPlugin, withHost } from "../../support.ts";

const MIB = 1024 * 1024;
const ALL = Uint8Array.from({ length: 256 }, (_, i) => i);
const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

function sha256(payload: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(payload).digest());
}

function randomBytes(size: number): Uint8Array {
  const payload = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(payload.subarray(at, at + 65_536));
  return payload;
}

async function withWorkbench(
  wire: string,
  use: (handle: PluginHandle, host: Host) => Promise<void>,
  keys: Record<string, unknown> = {},
): Promise<void> {
  await withHost({ workbench: { ...workbench, ...keysOf(wire), ...keys } }, async (host) => {
    await use(host.get("workbench"), host);
  });
}

/** Asks the plugin until it has seen the end of a call, and gives how that end looked from inside. */
async function endOf(handle: PluginHandle, requestId: string): Promise<string> {
  for (;;) {
    const { ends } = JSON.parse(text(await handle.exec("test.ends")));
    if (Object.hasOwn(ends, requestId)) return ends[requestId];
  }
}

for (const wire of ["grpc", "connect", "stdio", "socket"]) {
  test(`A9: ${wire}: ping(), exec(), info() and supports(); the state, and another process after a stop and an exit`, async () => {
    await withWorkbench(wire, async (handle, host) => {
      assert.equal(await handle.ping(), "pong");
      const first = JSON.parse(text(await handle.exec("test.pid")));
      assert.deepEqual(handle.state, { kind: "ready", pid: first, launch: 1 });
      assert.equal((await handle.info()).name, "workbench");
      assert.ok(await handle.supports("test.echo"));
      await host.stop("workbench");
      await assert.rejects(handle.ping(), { code: "host.stopped" });
      await host.start("workbench");
      await assert.rejects(handle.exec("test.exit"), { code: "caller.lost", origin: "host", hint: /idempotent/ });
      for await (const state of handle.states()) if (state.kind === "ready" && state.launch === 3) break;
      assert.equal(host.plugins[0]?.lastExit?.code, 7);
      const second = JSON.parse(text(await handle.exec("test.pid")));
      process.kill(second, "SIGKILL");
      const third = JSON.parse(text(await handle.exec("test.pid", undefined, { retry: "idempotent" })));
      assert.equal(new Set([first, second, third]).size, 3);
    });
  });

  test(`A10: ${wire}: bytes come back as they were sent: all 256, ff 00 80 41, none, many sizes; commands are Unicode`, async () => {
    await withWorkbench(wire, async (handle) => {
      for (const payload of [ALL, new Uint8Array([0xff, 0x00, 0x80, 0x41]), new Uint8Array(0), bytes("68656c6c6f")]) {
        assert.deepEqual(await handle.exec("test.echo", payload), payload);
        assert.deepEqual(await handle.exec("test.sha256", payload), sha256(payload));
      }
      for (const size of [1, 5, 16_383, 16_384, 65_535, 65_536, 70_000, MIB - 1, MIB + 1]) {
        const payload = randomBytes(size);
        assert.deepEqual(await handle.exec("test.echo", payload), payload);
      }
      const whole = bytes("before|inside|after");
      assert.equal(text(await handle.exec("test.echo", whole.subarray(7, 13))), "inside");
      await assert.rejects(handle.exec("grüße 日本"), { code: "exec.unknown_command", message: /"grüße 日本"/ });
    });
  });

  test(`A10: ${wire}: 16 MiB there and back, raw and as hex`, async () => {
    const payload = randomBytes(16 * MIB);
    const plugin = { ...workbench, ...keysOf(wire) };
    await withHost({ raw: plugin, hex: { ...plugin, dialect: "seed" } }, async (host) => {
      for (const name of ["raw", "hex"]) {
        assert.deepEqual(sha256(await host.get(name).exec("test.echo", payload)), sha256(payload));
      }
    });
  });

  test(`A10: ${wire}: 64 calls at once, then 32 of 1 MiB at once, each get their own answer`, async () => {
    await withWorkbench(wire, async (handle) => {
      const small = Array.from({ length: 64 }, (_, i) => new Uint8Array(i * 40).fill(i));
      const answers = await Promise.all(small.map((payload) => handle.exec("test.echo", payload)));
      assert.deepEqual(answers, small);
      const large = Array.from({ length: 32 }, (_, i) => new Uint8Array(MIB).fill(i));
      const sums = await Promise.all(large.map(async (payload) => sha256(await handle.exec("test.echo", payload))));
      assert.deepEqual(sums, large.map(sha256));
    });
  });

  test(`A11: ${wire}: exactly the limit passes both ways, one byte more is caller.too_large, and the plugin still serves`, async () => {
    for (const dialect of ["seed", "goplugin-1"]) {
      await withWorkbench(wire, async (handle, host) => {
        const pid = host.plugins[0]?.pid;
        assert.equal((await handle.exec("test.echo", new Uint8Array(MIB))).length, MIB);
        const expected = { code: "caller.too_large", origin: "host", plugin: "workbench", hint: /max_payload/ };
        await assert.rejects(handle.exec("test.echo", new Uint8Array(MIB + 1)), expected);
        await assert.rejects(handle.exec("test.fill", bytes(String(MIB + 1))), expected);
        await assert.rejects(handle.exec("test.fill", bytes(String(5 * MIB))), expected);
        assert.equal((await handle.exec("test.fill", bytes(String(MIB)))).length, MIB);
        assert.ok(pid === undefined || pid === host.plugins[0]?.pid);
      }, { max_payload: MIB, dialect });
    }
  });

  test(`A11: ${wire}: a plugin with a lower limit of its own refuses with exec.too_large and still serves`, async () => {
    const small = { ...typescriptPlugin("tests/fixtures/small_limit.ts"), ...keysOf(wire) };
    await withHost({ small }, async (host) => {
      const handle = host.get("small");
      // What is far beyond the plugin's own cap an HTTP/1 server may cut off.
      for (const size of wire !== "connect" ? [1025, 70_000, 3 * MIB, 12 * MIB, 3 * MIB] : [1025, 40_000, 60_000]) {
        await assert.rejects(handle.exec("test.echo", new Uint8Array(size)), { code: "exec.too_large", origin: "plugin" }, `${size} bytes`);
        assert.equal((await handle.exec("test.echo", new Uint8Array(1024))).length, 1024);
      }
    });
  });

  test(`A12: ${wire}: exec() rejects at its deadline, the others go on, and the handler's signal fires`, async () => {
    await withWorkbench(wire, async (handle) => {
      await handle.ready();
      const long = handle.exec("test.wait", bytes("400"));
      const lagMs = await measureLagMs();
      const started = performance.now();
      const call = handle.exec("test.hang", undefined, { timeoutMs: 200, requestId: "one" });
      await assert.rejects(call, { code: "caller.timeout", origin: "host", plugin: "workbench" });
      const elapsed = performance.now() - started;
      assert.ok(elapsed >= 195 && elapsed <= 200 + 10 * lagMs, `${elapsed} ms, timers lag ${lagMs} ms`);
      assert.match(await endOf(handle, "one"), /^exec\.(cancelled|timeout)$/);
      assert.equal(text(await long), "400");
      assert.equal(text(await handle.exec("test.wait", bytes("30"), { timeoutMs: Infinity })), "30");
    });
  });

  test(`A12: ${wire}: the plugin is told how long the caller waits and gives up by itself`, async () => {
    await withWorkbench(wire, async (handle) => {
      await handle.ready();
      await assert.rejects(handle.exec("test.hang", undefined, { requestId: "three" }), { code: "caller.timeout" });
      assert.match(await endOf(handle, "three"), /^exec\.(cancelled|timeout)$/);
    }, { timeout: 0.2 });
  });

  test(`A12: ${wire}: an AbortSignal rejects at once, and the handler's signal fires, 20 calls at once`, async () => {
    await withWorkbench(wire, async (handle) => {
      const controller = new AbortController();
      const ids = Array.from({ length: 20 }, (_, i) => `abort-${i}`);
      const calls = ids.map((requestId) => handle.exec("test.hang", undefined, { signal: controller.signal, requestId }));
      const failed = Promise.all(calls.map((call) => assert.rejects(call, { code: "caller.aborted", origin: "host", cause: "enough" })));
      while (JSON.parse(text(await handle.exec("test.ends"))).calls.length < ids.length);
      const started = performance.now();
      controller.abort("enough");
      await failed;
      assert.ok(performance.now() - started < 50 + 10 * await measureLagMs());
      for (const id of ids) assert.equal(await endOf(handle, id), "exec.cancelled");
    });
  });

  test(`A13: ${wire}: a plugin's errors keep code, message and origin, and pass for none of the host's`, async () => {
    const cases = [
      { thrown: { code: "InvalidArgument", message: "unsupported language: [xx]" }, code: "InvalidArgument" },
      { thrown: { code: "hello.refused", message: 'Grüße "quoted" \\ 100% and a line\nbreak' }, code: "hello.refused" },
      { thrown: { code: "verify.checksum_mismatch", message: "forged" }, code: "exec.failed" },
      { thrown: { code: "caller.refused", message: "forged, so that the host would send the call again" }, code: "exec.failed" },
      { thrown: { code: "exec.unavailable", message: "would be sent again, though it ran" }, code: "exec.failed" },
      { thrown: { code: "exec.invalid_input", message: "typed" }, code: "exec.invalid_input" },
      { thrown: { code: "has a space", message: "" }, code: "exec.failed" },
      { thrown: { message: "x".repeat(10_000) }, code: "exec.failed" },
    ];
    await withWorkbench(wire, async (handle) => {
      for (const { thrown, code } of cases) {
        const call = handle.exec("test.throw", bytes(JSON.stringify(thrown)));
        const message = thrown.message === "" ? /./ : thrown.message;
        await assert.rejects(call, { name: "PluginError", code, message, origin: "plugin", plugin: "workbench" });
      }
      await assert.rejects(handle.exec("test.throw_text"), { code: "exec.failed", message: "only a text" });
      await assert.rejects(handle.exec("test.not_bytes"), { code: "exec.failed", message: /returned string, not a Uint8Array/ });
      for (const command of ["nowhere", "constructor", "__proto__"]) {
        await assert.rejects(handle.exec(command), { code: "exec.unknown_command", origin: "plugin", message: /it has: .*test\.echo/ });
      }
    });
  });
}
