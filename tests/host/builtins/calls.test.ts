/**
 * Row D16: a call of a built-in is what a call of a process is, in the host's thread and in a worker.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { PluginHandle } from "../../../host/mod.ts";
import { bytes, measureLagMs, text } from "../../support.ts";
import { KINDS, withBuiltin } from "./kinds.ts";

const MIB = 1024 * 1024;

function sha256(payload: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(payload).digest());
}

function randomBytes(size: number): Uint8Array {
  const payload = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(payload.subarray(at, at + 65_536));
  return payload;
}

/** Asks the plugin until it has seen the end of a call, and gives how that end looked from inside. */
async function endOf(handle: PluginHandle, requestId: string): Promise<string> {
  for (;;) {
    const { ends } = JSON.parse(text(await handle.exec("test.ends")));
    if (Object.hasOwn(ends, requestId)) return ends[requestId];
  }
}

for (const kind of KINDS) {
  const name = kind.commType;
  const withWorkbench = (use: (handle: PluginHandle) => Promise<void>, table?: Record<string, unknown>) =>
    withBuiltin({ kind, fixture: "workbench", ...(table && { table }) }, (host) => use(host.get("workbench")));

  test(`D16: ${name}: random bytes of 0 to 64 KiB come back, and 16 MiB`, async () => {
    await withWorkbench(async (handle) => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 65_536, size: "max" }), async (payload) => {
          assert.deepEqual(await handle.exec("test.echo", payload), new Uint8Array(payload));
          assert.deepEqual(await handle.exec("test.sha256", payload), sha256(payload));
        }),
        { numRuns: 30, examples: [[new Uint8Array(0)], [new Uint8Array([0])]] },
      );
      const large = randomBytes(16 * MIB);
      assert.deepEqual(sha256(await handle.exec("test.echo", large)), sha256(large));
      assert.equal(text(await handle.exec("test.echo", bytes("before|inside|after").subarray(7, 13))), "inside");
    });
  });

  test(`D16: ${name}: nobody shares memory: what either side does to its bytes harms nobody`, async () => {
    await withBuiltin({ kind, fixture: "resident" }, async (host) => {
      const handle = host.get("resident");
      const whole = bytes("|given|");
      const answer = await handle.exec("resident.keep", whole.subarray(1, 6));
      assert.equal(text(whole), "|given|", "the caller's bytes are as they were");
      whole.fill(9);
      assert.deepEqual(await handle.exec("resident.spoil"), new Uint8Array(5).fill(1), "what the handler kept is its own");
      assert.equal(text(answer), "kept", "an answer stays what it was");
      assert.equal(answer.buffer.byteLength, 4);
    });
  });

  test(`D16: ${name}: errors cross as over a wire: own codes, forged ones, text, no bytes, unknown commands`, async () => {
    await withWorkbench(async (handle) => {
      const thrown = (code: unknown, message = "no") => handle.exec("test.throw", bytes(JSON.stringify({ code, message })));
      const own = { code: "InvalidArgument", message: "unsupported language: [xx]", origin: "plugin", plugin: "workbench" };
      await assert.rejects(thrown(own.code, own.message), own);
      for (const code of ["verify.checksum_mismatch", "host.closed", "caller.lost", 7, "has space"]) {
        await assert.rejects(thrown(code), { code: "exec.failed", message: "no", origin: "plugin" });
      }
      await assert.rejects(thrown("exec.unavailable"), { code: "exec.failed" });
      await assert.rejects(handle.exec("test.throw_text"), { code: "exec.failed", message: "only a text" });
      await assert.rejects(handle.exec("test.not_bytes"), { code: "exec.failed", message: /returned string/ });
      for (const command of ["test.nothing", "constructor", "__proto__"]) {
        await assert.rejects(handle.exec(command), { code: "exec.unknown_command", origin: "plugin" });
      }
      const error = await thrown("Own").catch((error) => error);
      assert.equal(error.cause, undefined, "the handler's own error stays inside");
    });
  });

  test(`D16: ${name}: with a limit of 1 MiB exactly that passes, one byte more is refused, and the plugin serves on`, async () => {
    await withWorkbench(async (handle) => {
      assert.equal((await handle.exec("test.echo", new Uint8Array(MIB))).length, MIB);
      await assert.rejects(handle.exec("test.echo", new Uint8Array(MIB + 1)), {
        code: "caller.too_large",
        origin: "host",
        plugin: "workbench",
      });
      await assert.rejects(handle.exec("test.fill", bytes(String(MIB + 1))), { code: "caller.too_large", plugin: "workbench" });
      assert.equal((await handle.exec("test.fill", bytes(String(MIB)))).length, MIB);
    }, { max_payload: MIB });
  });

  test(`D16: ${name}: a handler that never answers ends with its deadline or the caller's signal, and is told`, async () => {
    const lagMs = await measureLagMs();
    await withWorkbench(async (handle) => {
      await handle.ready();
      const started = performance.now();
      await assert.rejects(handle.exec("test.hang", undefined, { timeoutMs: 200, requestId: "late" }), { code: "caller.timeout" });
      const tookMs = performance.now() - started;
      assert.ok(tookMs >= 199 && tookMs < 200 + 10 * lagMs, `${tookMs}`);
      assert.match(await endOf(handle, "late"), /^exec\.(timeout|cancelled)$/);
      const controller = new AbortController();
      const call = handle.exec("test.hang", undefined, { signal: controller.signal, requestId: "gone" });
      while (!JSON.parse(text(await handle.exec("test.ends"))).calls.includes("gone"));
      controller.abort();
      await assert.rejects(call, { code: "caller.aborted" });
      assert.equal(await endOf(handle, "gone"), "exec.cancelled");
    });
  });

  test(`D16: ${name}: 500 calls at once are each answered with their own bytes, and no more than max_concurrent run`, async () => {
    await withWorkbench(async (handle) => {
      const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => handle.exec("test.wait", bytes(String(i % 7)))));
      assert.deepEqual(answers.map(text), Array.from({ length: 500 }, (_, i) => String(i % 7)));
    });
    await withWorkbench(async (handle) => {
      const calls = Array.from({ length: 12 }, () => handle.exec("test.wait", bytes("50")));
      const settled = await Promise.allSettled(calls);
      assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 11, "one runs and ten wait");
      assert.equal(settled.filter((each) => each.status === "rejected" && each.reason.code === "caller.overloaded").length, 1);
    }, { max_concurrent: 1 });
  });

  test(`D16: ${name}: who calls and for which trace is what the handler sees`, async () => {
    await withBuiltin({ kind, fixture: "agent" }, async (host) => {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const answer = await host.get("agent").exec("agent.context", undefined, { requestId: "one", traceparent });
      assert.deepEqual(JSON.parse(text(answer)), { from: "test", requestId: "one", traceparent });
      await assert.rejects(host.get("agent").exec("polyplug.shutdown"), TypeError);
    });
  });
}
