/**
 * Rows A15, A16, B1 and B8 through the host on gRPC and Connect: token, listed hosts, ready line, Unix sockets, attach, and what is left.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { test } from "node:test";
import { stringify } from "smol-toml";
import { openHost } from "../../../host/mod.ts";
import { definePlugin, serve, type Served, type ServeOptions } from "../../../plugin/mod.ts";
import { exec as execGrpc, ping as pingGrpc } from "../../protocol/grpc/served.ts";
import { rawRequest, sendRaw } from "../../protocol/rest/raw_http.ts";
import { assertNoneLeft, bytes, configOf, pathOf, RUNTIME, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const upper = definePlugin({
  name: "upper",
  version: "1.0.0",
  commands: { "text.upper": (payload) => bytes(text(payload).toUpperCase()) },
});

async function exists(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

/** Serves a plugin as if somebody had started it before the host. */
async function withServed<T>(options: ServeOptions, use: (served: Served) => Promise<T>): Promise<T> {
  const served = await serve(upper, { port: 0, ...options, signal: new AbortController().signal });
  try {
    return await use(served);
  } finally {
    await served.close();
  }
}

/** What a stranger who knows the port gets for a call: our code. */
async function strangersCode(wire: string, port: number, headers: Readonly<Record<string, string>>): Promise<string | undefined> {
  if (wire === "grpc") return (await execGrpc(port, "test.pid", "", headers)).code;
  const json = { "content-type": "application/json", ...headers };
  const answer = await sendRaw(port, rawRequest("POST /plugin.Plugin/Exec", json, '{"Command":"test.pid"}'));
  return answer.headers.get("x-error-code");
}

for (const wire of ["grpc", "connect"] as const) {
  test(`A15: ${wire}: a plugin that a host has started refuses every call without that start's token, and answers ping`, async () => {
    await withHost({ workbench: { ...typescriptPlugin("tests/fixtures/workbench.ts"), comm_type: wire } }, async (host) => {
      await host.startAll();
      const port = await portOf(JSON.parse(text(await host.get("workbench").exec("test.pid"))));
      for (const authorization of ["", "Bearer", `Bearer ${"ab".repeat(32)}`]) {
        assert.equal(await strangersCode(wire, port, authorization === "" ? {} : { authorization }), "exec.unauthenticated");
      }
      const pong = wire === "grpc" ? (await pingGrpc(port)).grpcStatus : String((await sendRaw(port, rawRequest("GET /ping"))).status);
      assert.equal(pong, wire === "grpc" ? "0" : "200");
    });
  });

  test(`A15: ${wire}: the host calls a plugin that lists it, under its own name`, async () => {
    await withHost({ picky: { ...typescriptPlugin("tests/fixtures/lists_hosts.ts"), comm_type: wire } }, async (host) => {
      assert.equal(text(await host.get("picky").exec("test.from")), "test");
    });
  });

  test(`B8: ${wire}: a plugin is found by its ready line, with port 0, and on a Unix socket that it or the configuration names`, async () => {
    await withFolder(async (folder) => {
      const plugin = (args: readonly string[]) => ({ ...typescriptPlugin("tests/fixtures/ten_lines.ts", args), comm_type: wire });
      const named = `unix:${join(folder, "named")}`;
      const told = `unix:${join(folder, "told")}`;
      const plugins = {
        port: plugin(["--port", "0"]),
        named: { ...plugin(["--listen", named]), address: named },
        told: plugin(["--listen", told]),
      };
      await withHost(plugins, async (host) => {
        for (const name of Object.keys(plugins)) {
          assert.equal(text(await host.get(name).exec("text.upper", bytes(name))), name.toUpperCase());
        }
      });
      assert.deepEqual([await exists(join(folder, "named")), await exists(join(folder, "told"))], [false, false]);
    });
  });

  for (const kind of ["tcp", "unix"] as const) {
    test(`B8: ${wire}: attach calls a program that already runs (${kind}), again once it went away and came back`, async () => {
      await withFolder(async (folder) => {
        const unix = { listen: `unix:${join(folder, "s")}` };
        const config = (attach: string) => configOf({ upper: { attach, comm_type: wire } }, join(folder, "state"));
        await withServed({ commType: wire, ...(kind === "unix" ? unix : {}) }, async (served) => {
          const host = await openHost("test", { config: config(served.address) });
          const handle = host.get("upper");
          assert.equal(text(await handle.exec("text.upper", bytes("a"))), "A");
          await served.close();
          await assert.rejects(handle.exec("text.upper", bytes("b"), { retry: "never" }), { code: /^caller\.(refused|lost)$/ });
          const again = kind === "unix" ? unix : { port: Number(new URL(served.address).port) };
          await withServed({ commType: wire, ...again }, async () => {
            assert.equal(text(await handle.exec("text.upper", bytes("c"))), "C");
          });
          await host.close();
        });
      });
    });
  }

  test(`A16: ${wire}: an application ends by itself after close(), and leaves no process`, async () => {
    await withFolder(async (folder) => {
      const marker = crypto.randomUUID();
      const plugin = { ...typescriptPlugin("tests/fixtures/workbench.ts"), comm_type: wire, env: { TEST_MARKER: marker } };
      const path = join(folder, "config.toml");
      await writeFile(path, stringify(configOf({ workbench: plugin }, join(folder, "state"))));
      const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("tests/host/wires/application.ts"), path];
      const child = spawn(RUNTIME, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
      const [out, err, [code]] = await Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, "exit")]);
      assert.deepEqual([out.trim(), err, code], ["caller.aborted hello", "", 0]);
      await assertNoneLeft(marker);
    });
  });
}

/** The port that a process of this machine listens on. */
async function portOf(pid: number): Promise<number> {
  const links = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const lines = (await readFile(`/proc/${pid}/net/tcp`, "utf8")).split("\n").map((line) => line.trim().split(/\s+/));
  const listening = lines.find(([, , , state, , , , , , inode = ""]) => state === "0A" && inodes.has(inode));
  assert.ok(listening !== undefined, `process ${pid} listens nowhere`);
  return Number.parseInt(listening[1]?.split(":")[1] ?? "", 16);
}

test("A15: grpc: a plugin that lists another host cannot be started, and the error says why", async () => {
  const stranger = { ...typescriptPlugin("tests/fixtures/lists_hosts.ts", ["--only", "another"]), comm_type: "grpc", start_timeout: 2 };
  await withHost({ stranger }, async (host) => {
    const message = /Host "test" is not among the hosts of this plugin: another/;
    await assert.rejects(host.start("stranger"), { code: "ready.timeout", message });
  });
});
