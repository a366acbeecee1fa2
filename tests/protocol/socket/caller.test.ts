/**
 * Row B12, the host's half: what each thing that a plugin may do with the framed socket means for a call.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { proofFromToken } from "../../../protocol/proof.ts";
import { openSocketCaller } from "../../../protocol/socket/caller.ts";
import { KIND } from "../../../protocol/socket/wire.ts";
import { bytes, text } from "../../support.ts";
import { greet, nextCall, withPeer } from "./peers.ts";

const OPTIONS = { host: "app", plugin: "peer", dialect: undefined, maxPayloadBytes: 1024 } as const;

test("B12: a call carries command, payload, id, attempt, trace and the milliseconds left", async () => {
  await withPeer(async (wire) => {
    const said = await greet(wire);
    const { id, call } = await nextCall(wire);
    const { timeoutMs, attempt, requestId, traceparent, command, payload } = call;
    const seen = { said, timeoutMs, attempt, requestId, traceparent, command, payload: text(payload) };
    wire.send((batch) => batch.add(KIND.result, id, bytes(JSON.stringify(seen))));
  }, async (caller) => {
    const options = { timeoutMs: 1500.7, attempt: 3, requestId: "r-1", traceparent: "00-a-b-01" };
    assert.deepEqual(JSON.parse(text(await caller.exec("a.b", bytes("in"), options))), {
      said: { polyplug: 1, host: "app" },
      timeoutMs: 1500,
      attempt: 3,
      requestId: "r-1",
      traceparent: "00-a-b-01",
      command: "a.b",
      payload: "in",
    });
  });
});

test("B12: answers in another order reach the calls that they belong to", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    const calls = [await nextCall(wire), await nextCall(wire), await nextCall(wire)];
    wire.send((batch) => {
      for (const { id, call } of calls.toReversed()) batch.add(KIND.result, id, call.payload);
    });
  }, async (caller) => {
    const answers = await Promise.all(["a", "b", "c"].map((each) => caller.exec("echo", bytes(each))));
    assert.deepEqual(answers.map(text), ["a", "b", "c"]);
  });
});

test("B12: an error answer is the plugin's, its code kept or made safe", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    for (const code of ["hello.refused", "host.stopped", ""]) {
      const { id } = await nextCall(wire);
      wire.send((batch) => batch.addError(id, code, "No"));
    }
  }, async (caller) => {
    const expected = { message: "No", origin: "plugin", plugin: "peer" };
    await assert.rejects(caller.exec("a"), { ...expected, code: "hello.refused" });
    await assert.rejects(caller.exec("a"), { ...expected, code: "exec.failed" });
    await assert.rejects(caller.exec("a"), { ...expected, code: "exec.failed" });
  });
});

test("B12: identify() gives features and proof, and the token goes out only after trust()", async () => {
  const frames: string[] = [];
  await withPeer(async (wire) => {
    const { nonce } = await greet(wire, { features: ["info", 7], proof: "proof" });
    frames.push(String(nonce));
    const token = await wire.next();
    frames.push(text(token.body));
    const { id } = await nextCall(wire);
    wire.send((batch) => batch.add(KIND.result, id, bytes("ok")));
  }, async (caller) => {
    assert.deepEqual(await caller.identify?.("the nonce"), { protocol: 1, features: ["info"], proof: "proof" });
    caller.trust?.("secret");
    assert.equal(text(await caller.exec("a")), "ok");
    assert.deepEqual(frames, ["the nonce", '{"token":"secret"}']);
  });
});

test("B12: a lost connection is opened again, and the token goes only to who proves that he has it", async () => {
  const tokens: string[] = [];
  await withPeer(async (wire, count) => {
    const { nonce } = await greet(wire, count === 2 ? { proof: "wrong" } : {});
    if (count === 3) {
      wire.socket.destroy();
    } else if (count === 4) {
      tokens.push(String(nonce).length === 32 ? "nonce" : "none");
    } else if (count === 1) {
      tokens.push(text((await wire.next()).body));
      wire.socket.destroy();
    } else {
      await wire.next().then(({ body }) => tokens.push(text(body)), () => {});
    }
  }, async (caller, seen) => {
    await caller.identify?.(undefined);
    caller.trust?.("secret");
    await assert.rejects(caller.exec("a"), { code: "caller.lost" });
    await assert.rejects(caller.exec("a"), { code: "caller.bad_response" });
    assert.deepEqual([seen.connections, tokens], [2, ['{"token":"secret"}']]);
  });
});

test("B12: after a right proof the new connection carries the token", async () => {
  await withPeer(async (wire, count) => {
    const hello = await greet(wire, {});
    if (count === 1) {
      await wire.next();
      wire.socket.destroy();
    }
    return hello;
  }, async (caller) => {
    await caller.identify?.(undefined);
    caller.trust?.("secret");
    await assert.rejects(caller.exec("a"), { code: "caller.lost" });
  });
  await withPeer(async (wire) => {
    const { body } = await wire.next();
    const { nonce } = JSON.parse(text(body));
    const proof = nonce === undefined ? undefined : await proofFromToken("secret", nonce);
    wire.send((batch) => batch.addHello({ polyplug: 1, features: [], proof }));
    const token = text((await wire.next()).body);
    const { id } = await nextCall(wire);
    wire.send((batch) => batch.add(KIND.result, id, bytes(token)));
  }, async (caller) => {
    caller.trust?.("secret");
    assert.equal(text(await caller.exec("a")), '{"token":"secret"}');
  });
});

for (
  const [what, code, behave] of [
    ["closes before hello", "caller.lost", "close"],
    ["answers hello with garbage", "caller.bad_response", "garbage"],
    ["answers hello with a list", "caller.bad_response", "list"],
    ["answers hello without a version", "caller.bad_response", "no_version"],
    ["refuses the connection", "exec.forbidden", "refuse"],
    ["speaks HTTP", "caller.bad_response", "http"],
  ] as const
) {
  test(`B12: a plugin that ${what} is ${code}, and the next call opens another connection`, async () => {
    await withPeer(async (wire, count) => {
      if (count > 1) {
        await greet(wire);
        const { id } = await nextCall(wire);
        return wire.send((batch) => batch.add(KIND.result, id, bytes("well")));
      }
      await wire.next();
      if (behave === "close") wire.socket.destroy();
      if (behave === "garbage") wire.send((batch) => batch.add(KIND.hello, 0, bytes("{")));
      if (behave === "list") wire.send((batch) => batch.addHello([1]));
      if (behave === "no_version") wire.send((batch) => batch.addHello({ features: [] }));
      if (behave === "refuse") wire.send((batch) => batch.addError(0, "exec.forbidden", "Not you"));
      if (behave === "http") wire.raw(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
    }, async (caller, seen) => {
      await assert.rejects(caller.exec("a"), { code, plugin: "peer" });
      assert.equal(text(await caller.exec("a")), "well");
      assert.equal(seen.connections, 2);
    });
  });
}

for (
  const [what, code, answer] of [
    ["is cut off", "caller.lost", [0, 0, 0, 20, KIND.result, 0, 0, 0, 1, 1, 2]],
    ["is no frame", "caller.bad_response", [0, 0, 0, 1, KIND.result, 0, 0, 0, 1]],
    ["is of a kind that only hosts send", "caller.bad_response", [0, 0, 0, 5, KIND.call, 0, 0, 0, 1]],
    ["never comes", "caller.lost", []],
  ] as const
) {
  test(`B12: calls whose answer ${what} are all ${code}, and nothing was sent twice`, async () => {
    let calls = 0;
    await withPeer(async (wire) => {
      await greet(wire);
      for (; calls < 3; calls++) await nextCall(wire);
      if (answer.length > 0) wire.raw(new Uint8Array(answer));
      wire.socket.end();
    }, async (caller) => {
      const results = await Promise.allSettled([1, 2, 3].map(() => caller.exec("a")));
      assert.deepEqual(results.map((result) => result.status === "rejected" && result.reason.code), [code, code, code]);
      assert.equal(calls, 3);
    });
  });
}

test("B12: an answer over the limit fails its call alone; one of exactly the limit passes", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    for (const size of [1025, 1 << 20, 1024]) {
      const { id } = await nextCall(wire);
      wire.send((batch) => batch.add(KIND.result, id, new Uint8Array(size)));
    }
  }, async (caller, seen) => {
    await assert.rejects(caller.exec("a"), { code: "caller.too_large" });
    await assert.rejects(caller.exec("a"), { code: "caller.too_large" });
    assert.equal((await caller.exec("a")).length, 1024);
    await assert.rejects(caller.exec("a", new Uint8Array(1025)), { code: "caller.too_large" });
    assert.equal(seen.connections, 1);
  });
});

test("B12: answers to nobody are passed over", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    const { id } = await nextCall(wire);
    wire.send((batch) => {
      batch.add(KIND.result, 4711, bytes("?"));
      batch.addError(4713, "a.b", "?");
      batch.add(KIND.result, id, bytes("mine"));
      batch.add(KIND.result, id, bytes("twice"));
    });
  }, async (caller) => assert.equal(text(await caller.exec("a")), "mine"));
});

test("B12: an aborted call sends cancel and ends at once with the signal's reason; the others go on", async () => {
  const cancelled = Promise.withResolvers<number>();
  await withPeer(async (wire) => {
    await greet(wire);
    const [first, second] = [await nextCall(wire), await nextCall(wire)];
    const { kind, id } = await wire.next();
    cancelled.resolve(kind === KIND.cancel ? id - first.id : Number.NaN);
    wire.send((batch) => batch.add(KIND.result, second.id, bytes("on")));
  }, async (caller) => {
    const controller = new AbortController();
    const first = assert.rejects(caller.exec("a", bytes(""), { signal: controller.signal }), { message: "enough" });
    const second = caller.exec("b");
    await new Promise((resolve) => setTimeout(resolve, 20)); // Both are on their way: nothing here can tell when.
    controller.abort(new Error("enough"));
    await first;
    assert.equal(await cancelled.promise, 0);
    assert.equal(text(await second), "on");
    await assert.rejects(caller.exec("a", bytes(""), { signal: AbortSignal.abort(new Error("before")) }), { message: "before" });
  });
});

test("B12: close() ends open calls with caller.lost, and later ones with caller.refused", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    await nextCall(wire);
  }, async (caller) => {
    await caller.identify?.(undefined);
    const open = assert.rejects(caller.exec("a"), { code: "caller.lost", plugin: "peer" });
    await caller.close();
    await open;
    await assert.rejects(caller.exec("a"), { code: "caller.refused" });
    await assert.rejects(caller.ping(), { code: "caller.refused" });
  });
});

test("B12: without a socket at the path a call is caller.refused", async () => {
  const caller = openSocketCaller({ kind: "unix", path: "/nowhere/at/all" }, OPTIONS);
  await assert.rejects(caller.exec("a"), { code: "caller.refused", plugin: "peer" });
  await assert.rejects(caller.ping(), { code: "caller.refused" });
  await caller.close();
});

test("B12: ping is answered by pong", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    const { kind, id } = await wire.next();
    wire.send((batch) => batch.add(kind === KIND.ping ? KIND.pong : KIND.error, id));
  }, async (caller) => assert.equal(await caller.ping(), "pong"));
});
