/**
 * Row B12 through a host: the framed socket is taken by default, can be turned off, and leaves nothing behind.
 * @module
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { promisify } from "node:util";
import { languageSkip } from "../languages.ts";
import { bytes, configOf, pathOf, pythonPlugin, RUNTIME, text, typescriptPlugin, withFolder, withHost } from "../support.ts";

const python = { skip: languageSkip("python") };
const workbench = { ...typescriptPlugin("tests/fixtures/workbench.ts"), socket: true };

/** The folders of sockets in this temporary folder. */
async function sockets(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith("polyplug-socket-"));
}

test("B12: our own plugins are called over the framed socket, and the host says so", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = await host.start("workbench");
    const { commType, wire } = host.plugins[0] ?? {};
    assert.deepEqual([commType, wire], ["rest", "socket"]);
    assert.equal(text(await handle.exec("test.echo", bytes("hi"))), "hi");
    assert.equal(await handle.ping(), "pong");
  });
});

for (const commType of ["grpc", "connect"]) {
  test(`B12: comm_type = "${commType}" says what everyone else speaks; between our own two sides it is the socket`, async () => {
    await withHost({ workbench: { ...workbench, comm_type: commType } }, async (host) => {
      await host.start("workbench");
      assert.deepEqual([host.plugins[0]?.commType, host.plugins[0]?.wire], [commType, "socket"]);
    });
  });
}

test("B12: socket = false keeps to comm_type", async () => {
  await withHost({ workbench: { ...workbench, socket: false } }, async (host) => {
    const handle = await host.start("workbench");
    assert.equal("wire" in (host.plugins[0] ?? {}), false);
    assert.equal(text(await handle.exec("test.echo", bytes("hi"))), "hi");
  });
});

test("B12: a plugin whose socket cannot be reached is called over its comm_type", python, async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "plugin.py");
    await writeFile(file, NO_SOCKET);
    await withHost({ plain: { socket: true, ...pythonPlugin(""), exec_args: [file, "--port", "0"], exec_file: file } }, async (host) => {
      const handle = await host.start("plain");
      assert.equal(host.plugins[0]?.wire, undefined);
      assert.equal(await handle.ping(), "pong");
    });
  });
});

test("B12: a stranger on the socket cannot prove who he is: the start fails, and no call reaches him", python, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    let heard = "";
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => heard += chunk.toString("latin1"));
      const hello = bytes('{"polyplug":1,"features":[],"proof":"00"}');
      socket.write(new Uint8Array([0, 0, 0, hello.length + 5, 1, 0, 0, 0, 0, ...hello]));
    });
    server.listen(path);
    await once(server, "listening");
    const file = join(folder, "plugin.py");
    await writeFile(file, `import sys\nprint('{"polyplug":1,"comm_type":"rest","socket":"unix:${path}"}', flush=True)\nsys.stdin.read()\n`);
    await withHost({ liar: { socket: true, ...pythonPlugin(""), exec_args: [file], exec_file: file } }, async (host) => {
      await assert.rejects(host.get("liar").exec("a"), { code: "ready.impostor" });
      assert.match(heard, /"nonce"/);
      assert.doesNotMatch(heard, /"token"/);
      assert.ok(existsSync(path), "a file that is not a plugin's own was removed");
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

test("B12: no socket is left after stop(), nor after a SIGKILL of the plugin", async () => {
  await withFolder(async (folder) => {
    const plugin = { ...workbench, env: { TMPDIR: folder } };
    await withHost({ plugin }, async (host) => {
      const handle = await host.start("plugin");
      assert.equal((await sockets(folder)).length, 1);
      await host.stop("plugin");
      assert.deepEqual(await sockets(folder), []);
      await host.start("plugin");
      process.kill(host.plugins[0]?.pid ?? 0, "SIGKILL");
      for await (const { kind } of handle.states()) if (kind === "idle") break;
      await host.stop("plugin");
      assert.deepEqual(await sockets(folder), []);
    }, { supervise: false });
  });
});

test("B12: no socket is left after a SIGKILL of the host", async () => {
  await withFolder(async (folder) => {
    const config = join(folder, "config.json");
    await writeFile(config, JSON.stringify(configOf({ workbench: { ...workbench, env: { TMPDIR: folder } } }, join(folder, "state"))));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("tests/fixtures/holds_host.ts"), config];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [pid] = await once(child.stdout, "data");
    assert.equal((await sockets(folder)).length, 1);
    child.kill("SIGKILL");
    await once(child, "close");
    await gone(Number(pid));
    assert.deepEqual(await sockets(folder), []);
  });
});

/** Resolves when the process has ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("B12: a plugin in Python, standard library alone, is called over the socket", python, async () => {
  await withHost({ hello: { socket: true, ...pythonPlugin("examples/socket/plugin.py") } }, async (host) => {
    const handle = await host.start("hello");
    assert.equal(host.plugins[0]?.wire, "socket");
    const payloads = Array.from({ length: 40 }, (_, index) => crypto.getRandomValues(new Uint8Array(index * 1000)));
    assert.deepEqual(await Promise.all(payloads.map((payload) => handle.exec("hello.echo", payload))), payloads);
    await assert.rejects(handle.exec("hello.fail", bytes("x")), { code: "hello.refused", message: "You asked me to fail: x" });
    await assert.rejects(handle.exec("hello.none"), { code: "exec.unknown_command" });
    assert.equal(await handle.ping(), "pong");
  });
});

test("B12: a client in Python, standard library alone, calls a plugin of ours", python, async () => {
  const token = "ab".repeat(32);
  const [runtime, ...args] = [process.execPath, ...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("examples/hello/plugin.ts")];
  const env = { ...process.env, POLYPLUG_PROTOCOL: "1", POLYPLUG_TOKEN: token };
  const child = spawn(runtime, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [line] = await once(createInterface(child.stdout), "line"); // The one of the address may come with it.
    const { socket } = JSON.parse(line);
    const client = (more: readonly string[], given = token) =>
      promisify(execFile)("python3", [pathOf("examples/socket/client.py"), socket, ...more], {
        env: { ...process.env, POLYPLUG_TOKEN: given },
      });
    assert.equal((await client(["hello.echo", "über"])).stdout, "über");
    await assert.rejects(client(["hello.fail", "x"]), { stderr: "hello.refused: You asked me to fail: x\n" });
    await assert.rejects(client(["hello.echo"], ""), { stderr: "exec.unauthenticated: The call does not carry this launch's token\n" });
    await assert.rejects(client(["hello.echo"], "cd".repeat(32)), /ready\.impostor|The proof is wrong/);
  } finally {
    child.stdin.end();
    await once(child, "close");
  }
});

/** Answers ping over HTTP, and offers a socket that is not there. */
const NO_SOCKET = `
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def do_GET(self):
        text = b'{"status":"success","data":{"response":"pong"}}'
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
address = f"http://127.0.0.1:{server.server_address[1]}"
print(json.dumps({"polyplug": 1, "comm_type": "rest", "address": address, "socket": "unix:/nowhere/at/all"}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
`;
