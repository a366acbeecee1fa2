/**
 * Rows A18 and B12, `--at`: calls to a program that already runs, with and without a token, and what goes over the wire.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { withFaultySocket } from "../conformance/socket_served.ts";
import { assertNoneLeft, RUNTIME, typescriptPlugin, withFolder } from "../support.ts";
import { cli, withListener } from "./cli.ts";

/** Hands on the address in what a plugin has said, once it is there. */
function resolveWhere(said: string, resolve: (address: string) => void): void {
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
  if (address !== undefined) resolve(address);
}

/** Starts a plugin of ours as a person or a container would, and hands its address to `use`. */
async function withPlugin(
  env: Record<string, string>,
  use: (address: string) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  const marker = crypto.randomUUID();
  const { exec_args } = typescriptPlugin("tests/fixtures/workbench.ts", args);
  const child = spawn(RUNTIME, exec_args as string[], {
    env: { ...process.env, ...env, TEST_MARKER: marker },
    stdio: ["pipe", "pipe", "pipe"],
  });
  try {
    let said = "";
    const address = await new Promise<string>((resolve) => {
      for (const output of [child.stdout, child.stderr]) {
        output.on("data", (chunk) => resolveWhere(said += chunk, resolve));
      }
    });
    await use(address);
  } finally {
    process.kill(child.pid ?? 0, "SIGKILL");
    await once(child, "exit");
    await assertNoneLeft(marker);
  }
}

/** A plain plugin that keeps the headers of each request. */
async function withPlain(use: (address: string, seen: readonly IncomingHttpHeaders[]) => Promise<void>): Promise<void> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    request.resume().on("end", () => {
      response.writeHead(request.method === "GET" ? 200 : 202, { "content-type": "application/json" });
      response.end(JSON.stringify({ status: "success", data: { response: request.method === "GET" ? "pong" : "6869" } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    await use(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`, seen);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("A18: exec and ping --at call a program that already runs", async () => {
  await withPlugin({}, async (address) => {
    assert.deepEqual(await cli(["exec", "--at", address, "test.echo", "hi"]), { code: 0, stdout: "hi", stderr: "" });
    const from = await cli(["exec", "--at", address, "--type", "rest", "--host", "me", "test.from"]);
    assert.deepEqual(from, { code: 0, stdout: '"me"', stderr: "" });
    const ping = await cli(["ping", "--at", address]);
    assert.equal(ping.code, 0);
    assert.match(ping.stdout, new RegExp(`^${address}  pong in [\\d.]+ ms\\nIt speaks polyplug 1, with .*raw`));
    const json = JSON.parse((await cli(["ping", "--at", address, "--json"])).stdout);
    assert.deepEqual([json.address, json.protocol, json.features.includes("raw")], [address, 1, true]);
  });
});

test("A18: without a token --at sends no nonce and no token, and says that a plain program is open to all", async () => {
  await withPlain(async (address, seen) => {
    assert.equal((await cli(["exec", "--at", address, "any"])).stdout, "hi");
    assert.match((await cli(["ping", "--at", address])).stdout, /every user of this machine can call it/);
    assert.ok(seen.length >= 2);
    for (const headers of seen) {
      assert.equal(headers["x-polyplug-nonce"], undefined);
      assert.equal(headers["authorization"], undefined);
    }
  });
});

test("A18: with --token-file the program proves the token before it gets it and the call", async () => {
  const token = "ab".repeat(32);
  await withFolder(async (folder) => {
    const [right, wrong] = [join(folder, "right"), join(folder, "wrong")];
    await writeFile(right, `${token}\n`);
    await writeFile(wrong, "cd".repeat(32));
    await withPlugin({ POLYPLUG_PROTOCOL: "1", POLYPLUG_TOKEN: token }, async (address) => {
      const proved = await cli(["exec", "--at", address, "--token-file", right, "test.echo", "hi"]);
      assert.deepEqual(proved, { code: 0, stdout: "hi", stderr: "" });
      const impostor = await cli(["exec", "--at", address, "--token-file", wrong, "test.echo", "hi"]);
      assert.equal(impostor.code, 1);
      assert.match(impostor.stderr, /^error\[ready\.impostor\]: .*\n {2}hint: /);
      const without = await cli(["exec", "--at", address, "test.echo", "hi"]);
      assert.match(without.stderr, /^error\[exec\.unauthenticated\]: [^]*hint: The program has a token: .*--token-file/);
    });
    await withPlain(async (address, seen) => {
      const plain = await cli(["exec", "--at", address, "--token-file", right, "any"]);
      assert.match(plain.stderr, /^error\[ready\.impostor\]/);
      assert.deepEqual(seen.map((headers) => headers["authorization"]), [undefined], "one ping and nothing else");
    });
    const missing = await cli(["exec", "--at", "http://127.0.0.1:9", "--token-file", join(folder, "none"), "any"]);
    assert.deepEqual([missing.code, /^error\[cli\.not_readable\]/.test(missing.stderr)], [1, true]);
  });
});

test("A18: --at where nobody listens, and a type without a driver, are one error each", async () => {
  const port = await withListener((taken) => Promise.resolve(taken));
  for (const command of [["exec", "any"], ["ping"]]) {
    const refused = await cli([...command, "--at", `http://127.0.0.1:${port}`]);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(
      refused.stderr,
      new RegExp(`^error\\[caller\\.refused\\]: http://127\\.0\\.0\\.1:${port}: .*\\n[^]*hint: Start the program, or correct --at\\n$`),
    );
  }
  const nano = await cli(["exec", "any", "--at", `http://127.0.0.1:${port}`, "--type", "nano"]);
  assert.match(nano.stderr, /^error\[caller\.unknown_comm_type\]: .*rest/);
});

for (const type of ["grpc", "connect"]) {
  test(`B1: exec and ping --at call a program that already runs over ${type}, in either dialect`, async () => {
    for (const dialect of ["seed", "goplugin-1"]) {
      await withPlugin({}, async (address) => {
        const at = ["--at", address, "--type", type];
        for (const asked of [[], ["--dialect", "seed"], ["--dialect", "goplugin-1"]]) {
          const echo = await cli(["exec", ...at, ...asked, "test.echo", "--hex", "ff008041", "--as", "hex"]);
          assert.deepEqual(echo, { code: 0, stdout: "ff008041\n", stderr: "" });
        }
        assert.equal((await cli(["exec", ...at, "--host", "me", "test.from"])).stdout, '"me"');
        assert.match((await cli(["ping", ...at])).stdout, /pong in [\d.]+ ms\nIt speaks polyplug 1, with .*raw/);
        const unknown = await cli(["exec", ...at, "test.none"]);
        assert.deepEqual([unknown.code, /^error\[exec\.unknown_command\]: .*test\.echo/.test(unknown.stderr)], [1, true]);
      }, ["--comm-type", type, "--dialect", dialect]);
    }
  });

  test(`B1: with --token-file a program proves the token over ${type} before it gets it`, async () => {
    const token = "ab".repeat(32);
    await withFolder(async (folder) => {
      const [right, wrong] = [join(folder, "right"), join(folder, "wrong")];
      await writeFile(right, token);
      await writeFile(wrong, "cd".repeat(32));
      await withPlugin({ POLYPLUG_PROTOCOL: "1", POLYPLUG_TOKEN: token }, async (address) => {
        const at = ["--at", address, "--type", type];
        assert.equal((await cli(["exec", ...at, "--token-file", right, "test.echo", "hi"])).stdout, "hi");
        assert.match((await cli(["exec", ...at, "--token-file", wrong, "test.echo", "hi"])).stderr, /^error\[ready\.impostor\]/);
        assert.match((await cli(["exec", ...at, "test.echo", "hi"])).stderr, /^error\[exec\.unauthenticated\]: [^]*hint: .*--token-file/);
      }, ["--comm-type", type]);
    });
  });
}

test("B1: a program that is asked over a wire that it does not speak is one error that names the other wires", async () => {
  const wrong = [["rest", ["grpc"]], ["grpc", ["rest", "connect"]]] as const;
  for (const [serves, asked] of wrong) {
    await withPlugin({}, async (address) => {
      for (const type of asked) {
        for (const command of [["ping"], ["exec", "test.echo", "hi"]]) {
          const { code, stdout, stderr } = await cli([...command, "--at", address, "--type", type]);
          assert.deepEqual([code, stdout], [1, ""]);
          assert.match(stderr, /^error\[caller\.(bad_response|lost)\]: .+\n {2}hint: .+\n$/, stderr);
          assert.match(stderr, new RegExp(`hint: .*--type ${serves}\\b`), stderr);
          assert.doesNotMatch(stderr, /configuration/);
        }
      }
    }, ["--comm-type", serves]);
  }
});

test("A18: --type, --dialect and --token-file without --at, and a dialect that is none, are wrong usage", async () => {
  for (const option of [["--type", "grpc"], ["--dialect", "seed"], ["--token-file", "none"]]) {
    for (const command of [["ping", "a"], ["exec", "a", "test.echo"], ["conform", "a"]]) {
      const { code, stderr } = await cli([...command, ...option]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^error\[cli\.usage\]: --type, --dialect and --token-file go with --at alone\n {2}hint: .*comm_type/);
    }
  }
  for (const command of [["ping"], ["exec", "test.echo"], ["conform"]]) {
    const { code, stderr } = await cli([...command, "--at", "http://127.0.0.1:9", "--type", "grpc", "--dialect", "latin"]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^error\[cli\.usage\]: --dialect "latin" is neither seed nor goplugin-1\n/);
  }
});

test("B12: exec and ping --at --type socket call a program over the framed socket, which proves the token before it gets it", async () => {
  const token = "ab".repeat(32);
  await withFolder(async (folder) => {
    const [right, wrong] = [join(folder, "right"), join(folder, "wrong")];
    await writeFile(right, token);
    await writeFile(wrong, "cd".repeat(32));
    await withFaultySocket({ token }, async ({ address }) => {
      const at = ["--at", address, "--type", "socket"];
      const echo = await cli(["exec", ...at, "--token-file", right, "hello.echo", "--hex", "ff008041", "--as", "hex"]);
      assert.deepEqual(echo, { code: 0, stdout: "ff008041\n", stderr: "" });
      assert.match((await cli(["ping", ...at, "--token-file", right])).stdout, /pong in [\d.]+ ms\nIt speaks polyplug 1, with .*cancel/);
      assert.match((await cli(["exec", ...at, "--token-file", wrong, "hello.echo"])).stderr, /^error\[ready\.impostor\]/);
      assert.match((await cli(["exec", ...at, "hello.echo"])).stderr, /^error\[exec\.unauthenticated\]: [^]*hint: .*--token-file/);
    });
  });
});

test("B12: a framed socket that is asked over REST is one error that names --type socket", async () => {
  await withFaultySocket({ token: undefined }, async ({ address }) => {
    const { code, stdout, stderr } = await cli(["exec", "--at", address, "hello.echo", "hi"]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^error\[caller\.\w+\]: .+\n {2}hint: .*--type socket/);
  });
});
