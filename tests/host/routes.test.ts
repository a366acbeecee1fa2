/**
 * Row D18: commands that plugins expose are called from outside on `host.routes`, and nothing else is.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Hono } from "hono";
import { type Host, openHost } from "../../host/mod.ts";
import { resident } from "../fixtures/resident.ts";
import { workbench } from "../fixtures/workbench.ts";
import { configOf, RUNTIME, text, typescriptPlugin, withFolder, withHost } from "../support.ts";
import { eventually } from "./events/listening.ts";

const builtins = { workbench, resident };
const program = { ...typescriptPlugin("tests/fixtures/workbench.ts"), socket: true, expose: ["test.*"] };
const inside = { comm_type: "builtin", expose: ["test.*"] };

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Uint8Array;
  readonly code: unknown;
  readonly message: unknown;
}

/** Posts to a path, and reads what came; `code` and `message` are those of an error. */
async function post(app: Hono, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await app.request(path, { method: "POST", ...init });
  const body = new Uint8Array(await response.arrayBuffer());
  const { code, message } = response.ok || response.headers.get("content-type") !== "application/json" ? {} : JSON.parse(text(body));
  return { status: response.status, type: response.headers.get("content-type"), body, code, message };
}

test("D18: POST /plugins/<plugin>/<command> calls an exposed command of a program and of a built-in: bytes in, bytes out", async () => {
  await withHost({ program, workbench: inside }, async ({ routes }) => {
    for (const plugin of ["program", "workbench"]) {
      const payload = Uint8Array.from({ length: 256 }, (_, i) => i);
      const { status, type, body } = await post(routes, `/plugins/${plugin}/test.echo`, { body: payload });
      assert.deepEqual({ status, type, body }, { status: 200, type: "application/octet-stream", body: payload });
      const json = await post(routes, `/plugins/${plugin}/test.echo`, {
        body: '{"a":1}',
        headers: { "content-type": "application/json; charset=utf-8" },
      });
      assert.deepEqual([json.type, text(json.body)], ["application/json", '{"a":1}']);
      assert.equal((await post(routes, `/plugins/${plugin}/test.echo`)).body.length, 0);
      assert.equal(text((await post(routes, `/plugins/${plugin}/test.from`)).body), '"test"');
    }
  }, { builtins });
});

test("D18: what is not listed is not there: other commands, plugins, the framework's own, other methods", async () => {
  await withHost(
    { workbench: { ...inside, expose: ["test.echo", "polyplugs", "*"] }, resident: { comm_type: "builtin" } },
    async (host) => {
      const nothing = { status: 404, code: "exec.not_found", message: "There is no such route" };
      for (
        const path of [
          "workbench/test.pid",
          "workbench/test.ECHO",
          "workbench/test",
          "workbench/polyplug.info",
          "workbench/polyplug",
          "workbench/polyplug%2einfo",
          "Workbench/test.echo",
          "resident/resident.log",
          "nobody/test.echo",
          "__proto__/constructor",
          "constructor/test.echo",
          "workbench/test.echo%00",
          "workbench/%ff",
        ]
      ) {
        assert.partialDeepStrictEqual(await post(host.routes, `/plugins/${path}`, { body: "x" }), nothing, path);
      }
      for (const path of ["/plugins/workbench/test.echo/more", "/plugins/workbench/", "/plugins/workbench", "/workbench/test.echo"]) {
        assert.equal((await post(host.routes, path)).status, 404, path);
      }
      for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
        assert.equal((await post(host.routes, "/plugins/workbench/test.echo", { method })).status, 404, method);
      }
      assert.equal((await post(host.routes, "/plugins/workbench/test%2Eecho")).status, 200);
      assert.ok(host.plugins.every(({ name, state }) => name === "workbench" || state.kind === "idle"), "nobody else was started");
    },
    { builtins },
  );
});

test("D18: a plugin without expose has no route", async () => {
  await withHost({}, async ({ routes }) => {
    assert.equal((await post(routes, "/plugins/workbench/test.echo")).status, 404);
  }, { builtins });
});

test("D18: errors have the contract's status, and its JSON", async () => {
  await withHost({ workbench: { ...inside, expose: ["#"] } }, async ({ routes }) => {
    const thrown = await post(routes, "/plugins/workbench/test.throw", { body: '{"code":"OutOfStock","message":"no more"}' });
    assert.equal(text(thrown.body), '{"status":"error","data":null,"message":"no more","code":"OutOfStock"}');
    assert.deepEqual([thrown.status, thrown.type], [500, "application/json"]);
    const refusals: readonly [code: string, status: number][] = [
      ["exec.bad_request", 400],
      ["exec.forbidden", 403],
      ["exec.not_found", 404],
      ["exec.invalid_input", 422],
      ["verify.checksum_mismatch", 500],
    ];
    for (const [code, status] of refusals) {
      const answer = await post(routes, "/plugins/workbench/test.throw", { body: JSON.stringify({ code, message: "no" }) });
      assert.partialDeepStrictEqual(answer, { status, code: status === 500 ? "exec.failed" : code, message: "no" });
    }
    const nothing = { status: 404, code: "exec.not_found", message: "There is no such route" };
    assert.partialDeepStrictEqual(await post(routes, "/plugins/workbench/test.nothing"), nothing, "what else there is, is not told");
    assert.partialDeepStrictEqual(await post(routes, "/plugins/workbench/test.throw_text"), { status: 500, message: "only a text" });
  }, { builtins });
});

test("D18: a body over the plugin's limit is 413, said or not, and one at the limit passes", async () => {
  await withHost({ workbench: { ...inside, max_payload: 1000 } }, async ({ routes }) => {
    const path = "/plugins/workbench/test.echo";
    const unsaid = (size: number) => {
      const body = new ReadableStream({
        start(controller) {
          for (let left = size; left > 0; left -= 100) controller.enqueue(new Uint8Array(Math.min(left, 100)));
          controller.close();
        },
      });
      return { body, duplex: "half" } as RequestInit;
    };
    assert.equal((await post(routes, path, { body: new Uint8Array(1000) })).body.length, 1000);
    assert.equal((await post(routes, path, unsaid(1000))).body.length, 1000);
    for (const init of [{ body: new Uint8Array(1001) }, unsaid(1001)]) {
      assert.partialDeepStrictEqual(await post(routes, path, init), { status: 413, code: "exec.too_large" });
    }
    const answer = await post(routes, "/plugins/workbench/test.fill", { body: "1001" });
    assert.partialDeepStrictEqual(answer, { status: 502, code: "caller.too_large" });
    assert.equal((await post(routes, path, { body: "on" })).status, 200);
  }, { builtins });
});

test("D18: gone after deactivation: stopped and crashed are 503, not enabled is 404, and nothing of the inside is told", async () => {
  await withHost({ program: { ...program, restart: { max: 0 } }, off: { ...program, enabled: false } }, async (host) => {
    const path = "/plugins/program/test.echo";
    assert.equal((await post(host.routes, path)).status, 200);
    assert.partialDeepStrictEqual(await post(host.routes, "/plugins/off/test.echo"), { status: 404, code: "exec.not_found" });
    await host.stop("program");
    const gone = { status: 503, message: "The plugin cannot be called now" };
    assert.partialDeepStrictEqual(await post(host.routes, path), { ...gone, code: "host.stopped" });
    await host.start("program");
    assert.equal((await post(host.routes, path)).status, 200);
    const lost = await post(host.routes, "/plugins/program/test.exit");
    assert.partialDeepStrictEqual(lost, { status: 502, code: "caller.lost", message: "The plugin gave no answer that can be passed on" });
    for await (const state of host.get("program").states()) if (state.kind === "crashed") break;
    assert.partialDeepStrictEqual(await post(host.routes, path), { ...gone, code: "host.crashed" });
    const { routes } = host;
    await host.close();
    assert.partialDeepStrictEqual(await post(routes, path), { ...gone, code: "host.closed" });
  });
});

test("D18: a deadline of the configuration or the request ends the call, and reaches the handler", async () => {
  await withHost({ workbench: { ...inside, timeout: 0.2 } }, async ({ routes }) => {
    const late = { status: 504, code: "caller.timeout", message: "The plugin did not answer in time" };
    assert.partialDeepStrictEqual(await post(routes, "/plugins/workbench/test.hang"), late);
    assert.partialDeepStrictEqual(await post(routes, "/plugins/workbench/test.hang", { headers: { "x-timeout-ms": "60000" } }), late);
    const started = performance.now();
    assert.partialDeepStrictEqual(await post(routes, "/plugins/workbench/test.hang", { headers: { "x-timeout-ms": "20" } }), late);
    assert.ok(performance.now() - started < 190);
  }, { builtins });
});

/** The calls of `hang` that a handler knows, and how they ended. */
async function endsOf(host: Host): Promise<{ readonly calls: readonly string[]; readonly ends: Readonly<Record<string, string>> }> {
  return JSON.parse(text(await host.get("workbench").exec("test.ends")));
}

test("D18: a client that goes away in the middle of a call is told to the handler, on a real server", async () => {
  const { serve } = RUNTIME === "deno" ? await import("srvx/node") : await import("srvx");
  await withHost({ workbench: inside }, async (host) => {
    const before = await endsOf(host);
    const server = await serve({ fetch: (request) => host.routes.fetch(request), hostname: "127.0.0.1", port: 0, silent: true }).ready();
    const controller = new AbortController();
    const call = fetch(new URL("/plugins/workbench/test.hang", server.url), { method: "POST", body: "x", signal: controller.signal });
    const failed = assert.rejects(call);
    await eventually(async () => (await endsOf(host)).calls.length > before.calls.length);
    controller.abort();
    await failed;
    const { calls } = await endsOf(host);
    await eventually(async () => Object.hasOwn((await endsOf(host)).ends, calls.at(-1) ?? ""));
    assert.equal((await endsOf(host)).ends[calls.at(-1) ?? ""], "exec.cancelled");
    await server.close(true);
  }, { builtins });
});

test("D18: an application mounts them where it likes, behind its own checks, and may have read the body", async () => {
  await withHost({ workbench: { ...inside, max_payload: 10 } }, async (host) => {
    assert.equal(host.routes, host.routes);
    const app = new Hono();
    app.use("/api/*", async (c, next) => c.req.header("authorization") === "Bearer right" ? await next() : c.text("no", 401));
    app.use("/api/*", async (c, next) => {
      assert.match(await c.req.text(), /^read/);
      await next();
    });
    app.route("/api", host.routes);
    const headers = { authorization: "Bearer right" };
    assert.equal((await post(app, "/api/plugins/workbench/test.echo", { body: "read" })).status, 401);
    const { status, body } = await post(app, "/api/plugins/workbench/test.echo", { body: "read", headers });
    assert.deepEqual([status, text(body)], [200, "read"]);
    assert.equal((await post(app, "/api/plugins/workbench/test.echo", { body: "read too much", headers })).status, 413);
  }, { builtins });
});

test("D18: no page of another origin is invited, and no answer is taken for a page", async () => {
  await withHost({ workbench: inside }, async ({ routes }) => {
    const headers = { origin: "http://evil.example", "content-type": "text/html", "access-control-request-method": "POST" };
    for (const method of ["POST", "OPTIONS"]) {
      const response = await routes.request("/plugins/workbench/test.echo", { method, headers });
      assert.deepEqual([...response.headers.keys()].filter((name) => name.startsWith("access-control-")), [], method);
      await response.arrayBuffer();
    }
    const response = await routes.request("/plugins/workbench/test.echo", { method: "POST", headers, body: "<script>" });
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    await response.arrayBuffer();
  }, { builtins });
});

test("D18: a trace goes along, and one that is none is left out", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { agent } = await import("../fixtures/agent.ts");
  await withHost({ agent: { comm_type: "builtin", expose: ["agent.context"] } }, async ({ routes }) => {
    const seen = async (given: string) => {
      return JSON.parse(text((await post(routes, "/plugins/agent/agent.context", { headers: { traceparent: given } })).body));
    };
    assert.equal((await seen(traceparent)).traceparent, traceparent);
    const long = "a".repeat(300);
    assert.equal((await seen(long)).traceparent, undefined);
  }, { builtins: { agent } });
});

test("D18: a reload changes what is exposed, on routes that are mounted already", async () => {
  await withFolder(async (folder) => {
    const table: Record<string, unknown> = { comm_type: "builtin" };
    const config = { settings: { state_dir: join(folder, "state") }, plugins: { workbench: table }, hosts: { test: {} } };
    await using host = await openHost("test", { config, builtins: { workbench } });
    const app = new Hono().route("/", host.routes);
    const status = async () => (await post(app, "/plugins/workbench/test.echo")).status;
    assert.equal(await status(), 404);
    table["expose"] = ["test.echo"];
    await host.reload("workbench");
    assert.equal(await status(), 200);
    table["expose"] = [];
    await host.reload("workbench");
    assert.equal(await status(), 404);
  });
});

test("D18: a clash, a name of the framework and what is no pattern are errors when the host is opened", async () => {
  await withFolder(async (folder) => {
    const wrong: readonly [expose: unknown, message: RegExp][] = [
      [["greet", "greet"], /plugins\.a\.expose has "greet" and "greet", which are one path/],
      [["greet", "hello.greet", "Greet"], /plugins\.a\.expose has "greet" and "Greet", which are one path/],
      [["polyplug.info"], /"polyplug\." belongs to the framework/],
      [["a/b"], /plugins\.a\.expose\.0 must be a pattern/],
      ["greet", /plugins\.a\.expose must be a list/],
    ];
    for (const [expose, message] of wrong) {
      const opening = openHost("test", { config: configOf({ a: { ...program, expose } }, folder) });
      await assert.rejects(opening, { code: "config.invalid", message });
    }
    const twins = configOf({ a: program, A: program }, folder);
    await assert.rejects(openHost("test", { config: twins }), { code: "config.invalid", message: /upper and lower case alone/ });
  });
});
