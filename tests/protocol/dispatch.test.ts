/**
 * Stage 7: what a handler may return and throw, and what becomes of it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dispatcher, DispatchRequest } from "../../protocol/dispatch.ts";
import { PluginError } from "../../protocol/errors.ts";
import type { RawHandler } from "../../protocol/plugin.ts";
import { codeFromPlugin } from "../../protocol/peer_error.ts";
import { bytes, text } from "../support.ts";
import { unitDispatcher } from "./unit.ts";

/** A dispatcher of one command, `run`. */
function dispatcherOf(handler: RawHandler, onShutdown: () => void = () => {}): Dispatcher {
  return unitDispatcher({ hosts: ["a"], commands: { run: handler } }, { onShutdown });
}

function request(more: Partial<DispatchRequest> = {}): DispatchRequest {
  const signal = new AbortController().signal;
  return {
    command: "run",
    payload: bytes("in"),
    requestId: "id",
    from: "app",
    traceparent: undefined,
    hops: 0,
    target: undefined,
    signal,
    timeoutMs: undefined,
    ...more,
  };
}

/** A handler that throws a value, whatever it is. */
function throwing(value: unknown): RawHandler {
  return () => {
    throw value;
  };
}

test("A8: a handler gets the payload, the request id and who calls", async () => {
  const dispatcher = dispatcherOf((payload, { requestId, from, signal }) =>
    bytes(`${text(payload)} ${requestId} ${from} ${signal.aborted}`)
  );
  assert.equal(text(await dispatcher.exec(request())), "in id app false");
});

test("A8: names of a plain object's prototype are unknown commands", async () => {
  for (const command of ["", "constructor", "__proto__", "toString", "RUN", "run ", "polyplug.nothing"]) {
    const call = dispatcherOf((payload) => payload).exec(request({ command }));
    await assert.rejects(call, { code: "exec.unknown_command", origin: "plugin", message: /it has: run$/ });
  }
});

test("A8: codeFromPlugin() lets codes of the right form pass, but none of the host's stages", () => {
  for (
    const code of ["A", "InvalidArgument", "hello.refused", "exec.timeout", "a-b_c.d9", "x".repeat(64), "callers.x", "hostile", "readyness"]
  ) {
    assert.equal(codeFromPlugin(code), code);
  }
  const stages = ["config", "discover", "verify", "spawn", "ready", "caller", "host", "package", "registry", "install"];
  for (const stage of stages) assert.equal(codeFromPlugin(`${stage}.anything`), "exec.failed");
  for (const code of ["", "9a", ".a", "a b", "a\n", "ä", "x".repeat(65), 42, null, undefined, {}, ["a"]]) {
    assert.equal(codeFromPlugin(code), "exec.failed", String(code));
  }
});

const strange: readonly (readonly [title: string, thrown: unknown, code: string, message: RegExp])[] = [
  ["an error", new Error("m"), "exec.failed", /^m$/],
  ["an error without a message", new RangeError(), "exec.failed", /^RangeError$/],
  ["an own code", Object.assign(new Error("m"), { code: "own.code" }), "own.code", /^m$/],
  ["a PluginError of a host's stage", new PluginError("caller.refused", "m"), "exec.failed", /^m$/],
  ["exec.unavailable", new PluginError("exec.unavailable", "m"), "exec.failed", /^m$/],
  ["a text", "only a text", "exec.failed", /^only a text$/],
  ["undefined", undefined, "exec.failed", /undefined/],
  ["null", null, "exec.failed", /null/],
  ["a symbol", Symbol("s"), "exec.failed", /Symbol\(s\)/],
  ["a plain object", { code: "own.code", message: "m" }, "own.code", /^m$/],
  ["an object without a prototype", Object.create(null), "exec.failed", /./],
  ["an error whose message is no text", Object.assign(new Error(), { message: Symbol("s") }), "exec.failed", /./],
  [
    "an object whose code cannot be read",
    {
      get code() {
        throw new Error("unreadable");
      },
    },
    "exec.failed",
    /./,
  ],
];

for (const [title, thrown, code, message] of strange) {
  test(`A8: a handler that throws ${title} fails its call with ${code}, and nothing else`, async () => {
    const call = dispatcherOf(throwing(thrown)).exec(request({ timeoutMs: 5000 }));
    await assert.rejects(call, (error: PluginError) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  });
}

for (const result of [undefined, null, "text", 7, {}, [1], new ArrayBuffer(2)]) {
  test(`A8: a handler that returns ${Object.prototype.toString.call(result)} is exec.failed`, async () => {
    const call = dispatcherOf(() => result as unknown as Uint8Array).exec(request());
    await assert.rejects(call, { code: "exec.failed", message: /The handler of "run" returned \w+, not a Uint8Array/ });
  });
}

test("A8: a call whose deadline passes is exec.timeout, and the handler's signal fires with it", async () => {
  const seen = Promise.withResolvers<PluginError>();
  const dispatcher = dispatcherOf((_, { signal }) => {
    signal.addEventListener("abort", () => seen.resolve(signal.reason));
    return new Promise(() => {});
  });
  await assert.rejects(dispatcher.exec(request({ timeoutMs: 10 })), { code: "exec.timeout", message: /within 10 ms/ });
  assert.equal((await seen.promise).code, "exec.timeout");
});

test("A8: a call whose caller is gone is exec.cancelled; one that was gone before is not run", async () => {
  const gone = new AbortController();
  const dispatcher = dispatcherOf(() => new Promise(() => {}));
  const call = dispatcher.exec(request({ signal: gone.signal }));
  gone.abort();
  await assert.rejects(call, { code: "exec.cancelled" });
  let runs = 0;
  const counting = dispatcherOf((payload) => (runs += 1, payload));
  await assert.rejects(counting.exec(request({ signal: AbortSignal.abort() })), { code: "exec.cancelled" });
  assert.equal(runs, 0);
});

test("A8: drain() lets open calls finish and refuses new ones with exec.unavailable", async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  const dispatcher = dispatcherOf(() => gate.promise);
  const open = dispatcher.exec(request());
  assert.equal(dispatcher.draining, false);
  const drained = dispatcher.drain();
  assert.equal(dispatcher.draining, true);
  await assert.rejects(dispatcher.exec(request()), { code: "exec.unavailable", message: /was not run/ });
  gate.resolve(bytes("late"));
  assert.equal(text(await open), "late");
  await drained;
});

test("A8: polyplug.info tells what there is, and polyplug.shutdown is answered at once", async () => {
  let asked = 0;
  const dispatcher = dispatcherOf((payload) => payload, () => asked += 1);
  const info = JSON.parse(text(await dispatcher.exec(request({ command: "polyplug.info" }))));
  assert.deepEqual(info, { name: "unit", version: "1.0.0", commands: [{ name: "run" }], subscribes: [], hosts: ["a"] });
  assert.equal((await dispatcher.exec(request({ command: "polyplug.shutdown" }))).length, 0);
  assert.equal(asked, 1);
});

test("C7: polyplug.init is what every handler has as ctx.config, whether or not the plugin has an init", async () => {
  const seen: string[] = [];
  const init = (config: Uint8Array) => void seen.push(text(config));
  const commands = { run: (_payload: Uint8Array, ctx: { readonly config: Uint8Array }) => bytes(`has ${text(ctx.config)}`) };
  for (const own of [{}, { init }]) {
    const dispatcher = unitDispatcher({ commands, ...own });
    assert.equal(text(await dispatcher.exec(request())), "has ");
    for (const config of ["one", ""]) {
      assert.equal((await dispatcher.exec(request({ command: "polyplug.init", payload: bytes(config) }))).length, 0);
      assert.equal(text(await dispatcher.exec(request())), `has ${config}`);
    }
  }
  assert.deepEqual(seen, ["one", ""]);
});

test("C7: what init throws reaches the host, and it has the context of a call", async () => {
  const init = (_config: Uint8Array, ctx: { readonly from: string }): Promise<void> => {
    return Promise.reject(Object.assign(new Error(`not for ${ctx.from}`), { code: "BadConfig" }));
  };
  const dispatcher = unitDispatcher({ init });
  await assert.rejects(dispatcher.exec(request({ command: "polyplug.init" })), { code: "BadConfig", message: "not for app" });
});

test("C17: a plugin that can tell its health lists the feature and answers as JSON; one that gives nothing is well", async () => {
  const health = (answer: unknown) => unitDispatcher({ health: () => answer as Record<string, null> });
  assert.deepEqual(health({}).features, ["cancel", "health", "info", "init", "raw", "shutdown", "stream"]);
  for (const [answer, json] of [[{ db: "down", web: null }, '{"db":"down","web":null}'], [undefined, "{}"]] as const) {
    assert.equal(text(await health(answer).exec(request({ command: "polyplug.health" }))), json);
  }
  const without = dispatcherOf((payload) => payload);
  assert.ok(!without.features.includes("health"));
  await assert.rejects(without.exec(request({ command: "polyplug.health" })), { code: "exec.unknown_command" });
});
