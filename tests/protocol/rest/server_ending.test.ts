/**
 * Row A8: how calls end early on the plugin's side: the plugin stops, or the host gives up.
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Commands } from "../../../protocol/plugin.ts";
import { bytes } from "../../support.ts";
import { rawRequest, sendRaw } from "./raw_http.ts";
import { withServer } from "./served.ts";

function exec(command: string, headers: Readonly<Record<string, string>> = {}): Uint8Array {
  return rawRequest("POST /exec", headers, JSON.stringify({ command, payload: "" }));
}

test("A8: while the plugin stops, open calls are answered and new ones are 503 exec.unavailable", async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  const entered = Promise.withResolvers<void>();
  const slow = () => (entered.resolve(), gate.promise);
  await withServer({ slow }, async ({ port, dispatcher }) => {
    const open = sendRaw(port, exec("slow", { connection: "keep-alive" }));
    await entered.promise;
    const drained = dispatcher.drain();
    const refusedCall = await sendRaw(port, exec("slow"));
    assert.deepEqual([refusedCall.status, JSON.parse(refusedCall.body).code], [503, "exec.unavailable"]);
    assert.equal((await sendRaw(port, rawRequest("GET /ping"))).status, 200);
    gate.resolve(bytes("done"));
    await drained;
    // The last answer says that it is the last, so the connection closes although the client would keep it.
    const answer = await open;
    assert.deepEqual([answer.status, JSON.parse(answer.body).data.response], [202, "646f6e65"]);
  });
});

test("A8: the handler's signal fires when the host closes the request's connection", async () => {
  const entered = Promise.withResolvers<void>();
  const fired = Promise.withResolvers<unknown>();
  const hang: Commands[string] = (_payload, { signal }) => {
    signal.addEventListener("abort", () => fired.resolve(signal.reason.code));
    entered.resolve();
    return new Promise(() => {});
  };
  await withServer({ hang }, async ({ port }) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.write(exec("hang", { connection: "keep-alive" }));
    await entered.promise;
    socket.destroy();
    assert.equal(await fired.promise, "exec.cancelled");
  });
});
