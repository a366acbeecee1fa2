/**
 * Row B8: a program that already runs, and one that listens elsewhere than at its port; also on a Unix socket.
 * @module
 */
import assert from "node:assert/strict";
import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { definePlugin, serve, type Served } from "../../plugin/mod.ts";
import { openHost } from "../../host/mod.ts";
import { bytes, configOf, text, typescriptPlugin, withFolder, withHost } from "../support.ts";

const upper = definePlugin({
  name: "upper",
  version: "1.0.0",
  commands: { "text.upper": (payload) => bytes(text(payload).toUpperCase()) },
});

/** Serves a plugin as if somebody had started it before the host. */
async function withServed<T>(listen: string, use: (served: Served) => Promise<T>): Promise<T> {
  const served = await serve(upper, { listen, port: 0, signal: new AbortController().signal });
  try {
    return await use(served);
  } finally {
    await served.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

for (const kind of ["tcp", "unix"] as const) {
  test(`B8: attach calls a program that already runs (${kind}), and close() leaves it running`, async () => {
    await withFolder(async (folder) => {
      await withServed(kind === "unix" ? `unix:${join(folder, "s")}` : "127.0.0.1", async ({ address }) => {
        const config = configOf({ upper: { attach: address } }, join(folder, "state"));
        for (let round = 0; round < 2; round++) {
          const host = await openHost("test", { config });
          const handle = host.get("upper");
          assert.equal(text(await handle.exec("text.upper", bytes("hi"))), "HI");
          assert.deepEqual(handle.state, { kind: "ready", pid: undefined, launch: 1 });
          assert.equal(host.plugins[0]?.pid, undefined);
          await host.close();
        }
      });
    });
  });
}

test("B8: attach asks for no checksum and starts nothing; what is not there is ready.timeout", async () => {
  await withFolder(async (folder) => {
    const attach = `unix:${join(folder, "nobody")}`;
    const config = { ...configOf({ upper: { attach, start_timeout: 0.2 } }, folder), settings: {} };
    const host = await openHost("test", { config });
    await assert.rejects(host.get("upper").ping(), {
      code: "ready.timeout",
      message: /Cannot reach plugin "upper"/,
      hint: /correct attach/,
    });
    await host.close();
  });
});

test("B8: a program that went away and came back is called on the same handle", async () => {
  await withFolder(async (folder) => {
    const listen = `unix:${join(folder, "s")}`;
    const host = await openHost("test", { config: configOf({ upper: { attach: listen } }, join(folder, "state")) });
    const handle = host.get("upper");
    await withServed(listen, async () => assert.equal(text(await handle.exec("text.upper", bytes("a"))), "A"));
    await assert.rejects(handle.exec("text.upper", bytes("b"), { retry: "never" }), { code: /^caller\.(refused|lost)$/ });
    await withServed(listen, async () => assert.equal(text(await handle.exec("text.upper", bytes("c"))), "C"));
    await host.close();
  });
});

test("B8: a plugin that the host starts listens on a Unix socket of its choice, named by address or by its ready line", async () => {
  await withFolder(async (folder) => {
    const named = `unix:${join(folder, "named")}`;
    const told = `unix:${join(folder, "told")}`;
    const plugin = (listen: string) => typescriptPlugin("tests/fixtures/ten_lines.ts", ["--listen", listen]);
    await withHost({ named: { ...plugin(named), address: named }, told: plugin(told) }, async (host) => {
      for (const name of ["named", "told"]) assert.equal(text(await host.get(name).exec("text.upper", bytes("x"))), "X");
      assert.ok(await exists(join(folder, "named")));
    });
    assert.ok(!(await exists(join(folder, "named"))));
    assert.ok(!(await exists(join(folder, "told"))));
  });
});

test("B8: serve() takes the place of a socket file that a killed program left, and of no other file", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    await withHost({ upper: typescriptPlugin("tests/fixtures/ten_lines.ts", ["--listen", `unix:${path}`]) }, async (host) => {
      await host.get("upper").ping();
      await host.stop("upper", { graceMs: 0 });
      assert.ok(await exists(path));
      await host.start("upper");
      assert.equal(text(await host.get("upper").exec("text.upper", bytes("again"))), "AGAIN");
    });
    const file = join(folder, "file");
    await writeFile(file, "somebody's own");
    await assert.rejects(withServed(`unix:${file}`, () => Promise.resolve()));
    assert.ok(await exists(file));
  });
});
