/**
 * Row D15: plugins over stdin and stdout: what is started and how it ends, both directions at once, what a plugin may write there, and that
 * one that misbehaves harms itself alone. Rows A8 to A14 and those of part C run over stdio beside the other wires.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import type { Host, PluginLog } from "../../host/mod.ts";
import { languageSkip } from "../languages.ts";
import { bytes, pathOf, pythonPlugin, text, typescriptPlugin, withHost } from "../support.ts";

const MIB = 1024 * 1024;
const skip = languageSkip("python");
const stdio = { comm_type: "stdio" };
const hello = { ...typescriptPlugin("examples/hello/plugin.ts"), ...stdio };
const workbench = { ...typescriptPlugin("tests/fixtures/workbench.ts"), ...stdio };
const agent = { ...typescriptPlugin("tests/fixtures/agent.ts"), ...stdio };
const python = { ...pythonPlugin("examples/stdio/plugin.py"), ...stdio };
const bad = { ...pythonPlugin("tests/fixtures/bad_stdio.py"), ...stdio };

function pidOf(host: Host, name: string): number {
  return host.plugins.find((plugin) => plugin.name === name)?.pid ?? 0;
}

const json = (value: unknown) => bytes(JSON.stringify(value));
const read = (value: Uint8Array) => JSON.parse(text(value));

/** Collects the host's records, and gives a promise of the first that fits. */
function records() {
  const all: PluginLog[] = [];
  const wanted: { fits: (record: PluginLog) => boolean; resolve: (record: PluginLog) => void }[] = [];
  return {
    all,
    onLog: (record: PluginLog) => {
      all.push(record);
      for (const { fits, resolve } of wanted) if (fits(record)) resolve(record);
    },
    async find(pattern: RegExp): Promise<PluginLog> {
      const fits = ({ message }: PluginLog) => pattern.test(message);
      return all.find(fits) ?? await new Promise((resolve) => wanted.push({ fits, resolve }));
    },
  };
}

/** By how many bytes this process grew meanwhile, looked at every 50 ms. */
async function measureGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => peak = Math.max(peak, process.memoryUsage().rss), 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, process.memoryUsage().rss) - before;
}

test("D15: a plugin in 40 lines of Python is called over its pipes", { skip }, async () => {
  await withHost({ python }, async (host) => {
    const handle = host.get("python");
    assert.equal(await handle.ping(), "pong");
    assert.equal(text(await handle.exec("hello.world")), "Hello, world!");
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    assert.deepEqual(await handle.exec("hello.echo", all), all);
    assert.deepEqual(await handle.exec("hello.echo"), new Uint8Array(0));
    const large = new Uint8Array(3 * MIB).map((_, index) => index % 251);
    const sum = new Uint8Array(createHash("sha256").update(large).digest());
    assert.deepEqual(await handle.exec("test.sha256", large), sum);
    await assert.rejects(handle.exec("hello.fail", bytes("ü")), {
      code: "hello.refused",
      origin: "plugin",
      message: "You asked me to fail: ü",
    });
    await assert.rejects(handle.exec("hello.none"), { code: "exec.unknown_command", origin: "plugin" });
    assert.equal(host.plugins[0]?.state.kind, "ready");
  });
});

test("D15: nothing is added to the command line, and the environment has neither token nor way back", async () => {
  const plugin = { ...typescriptPlugin("tests/fixtures/agent.ts", ["{port}", "--port", "0"]), ...stdio, socket: true };
  await withHost({ agent: { ...plugin, grants: { services: ["bounce.*"] } } }, async (host) => {
    const names = read(await host.get("agent").exec("agent.environment"));
    assert.deepEqual(names, ["POLYPLUG_DATA_DIR"]);
    const { readFile } = await import("node:fs/promises");
    const pid = pidOf(host, "agent");
    const line = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    assert.deepEqual(line.slice(-4, -1), ["{port}", "--port", "0"]);
    const environment = await readFile(`/proc/${pid}/environ`, "latin1");
    assert.match(environment, /POLYPLUG_COMM_TYPE=stdio/);
    assert.doesNotMatch(environment, /POLYPLUG_(TOKEN|HOST_URL|HOST_SOCKET|HOST_TOKEN)=/);
  });
});

test("D15: --comm-type stdio on the command line wins over what the environment says", async () => {
  const plugin = { ...typescriptPlugin("examples/hello/plugin.ts", ["--comm-type=stdio"]), ...stdio };
  await withHost({ hello: { ...plugin, env: { POLYPLUG_COMM_TYPE: "rest" } } }, async (host) => {
    assert.equal(text(await host.get("hello").exec("hello.world")), "Hello, world!");
  });
});

test("D15: a plugin that prints instead of answering is told of with what it printed", { skip }, async () => {
  const rest = typescriptPlugin("examples/hello/plugin.ts", ["--comm-type", "rest"]);
  await withHost({ rest: { ...rest, ...stdio, start_timeout: 1.5 } }, async (host) => {
    await assert.rejects(host.start("rest"), (error: Error & { code: string }) => {
      assert.equal(error.code, "ready.timeout");
      assert.match(error.message, /not JSON-RPC.*comm_type/);
      return true;
    });
  });
});

test(
  "D15: a plugin that takes its time to start is ready as soon as it answers; one that exits fails the start at once",
  { skip },
  async () => {
    const late = "import os,sys,time\ntime.sleep(2.6)\nos.execv(sys.executable, [sys.executable] + sys.argv[1:])";
    const file = pathOf("examples/stdio/plugin.py");
    const slow = { exec: "python3", exec_args: ["-c", late, file], exec_file: file, ...stdio, ping_timeout: 1 };
    const gone = { exec: "python3", exec_args: ["-c", "import sys; sys.exit('no licence')"], exec_file: file, ...stdio };
    await withHost({ slow, gone }, async (host) => {
      const started = performance.now();
      await assert.rejects(host.start("gone"), (error: Error & { code: string }) => {
        assert.equal(error.code, "ready.exited");
        assert.match(error.message, /no licence/);
        return true;
      });
      assert.ok(performance.now() - started < 5000);
      await host.start("slow");
      assert.equal(text(await host.get("slow").exec("hello.echo", bytes("late"))), "late");
    }, { supervise: false });
  },
);

test(
  "D15: a wrong answer to ping, another version of the contract, and a ping that is refused fail the start with what came",
  { skip },
  async () => {
    const answering = (members: string) => {
      const code =
        `import json,sys\nfor line in sys.stdin:\n id=json.loads(line)["id"]\n print('{"jsonrpc":"2.0","id":%d,${members}}' % id, flush=True)`;
      return { exec: "python3", exec_args: ["-c", code], exec_file: pathOf("examples/stdio/plugin.py"), ...stdio, start_timeout: 1 };
    };
    const wrong = {
      gnop: answering('"result":"gnop"'),
      other: answering('"result":{"response":"pong","polyplug":7}'),
      refuses: answering('"error":{"code":-32601,"message":"no ping here"}'),
    };
    await withHost(wrong, async (host) => {
      await assert.rejects(host.start("gnop"), (error: Error & { code: string }) => {
        assert.equal(error.code, "ready.timeout");
        assert.match(error.message, /"gnop", not "pong"/);
        return true;
      });
      await assert.rejects(host.start("other"), { code: "ready.protocol" });
      await assert.rejects(host.start("refuses"), (error: Error & { code: string }) => {
        assert.equal(error.code, "ready.timeout");
        assert.match(error.message, /no ping here \(exec\.unknown_command\)/);
        return true;
      });
    }, { supervise: false });
  },
);

test("D15: a plugin that lists its hosts takes those alone, over stdio too", async () => {
  const listing = (args: readonly string[]) => ({ ...typescriptPlugin("tests/fixtures/lists_hosts.ts", args), ...stdio, start_timeout: 3 });
  await withHost({ ours: listing([]), other: listing(["--only", "other"]) }, async (host) => {
    assert.equal(text(await host.get("ours").exec("test.from")), "test");
    await assert.rejects(host.start("other"), (error: Error & { code: string }) => {
      assert.equal(error.code, "ready.timeout");
      assert.match(error.message, /Host "test" is not among the hosts .*\(exec\.forbidden\)/);
      return true;
    });
  }, { supervise: false });
});

test("D15: 200 calls at once go from the host to the plugin, back to a service of the host, and to the plugin again", async () => {
  const plugin = { ...agent, grants: { services: ["bounce.*"], plugins: { agent: ["agent.*"] } } };
  await withHost({ agent: plugin }, async (host) => {
    host.provide("bounce", {
      go: (payload, ctx) => ctx.plugin("agent").exec("agent.bounce", payload),
    });
    const path = ["host", "agent", "host", "agent"];
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => host.get("agent").exec("agent.bounce", json(path))),
    );
    assert.deepEqual(answers.map((answer) => text(answer)), Array.from({ length: 200 }, () => "[]"));
    const relayed = await Promise.all(Array.from({ length: 200 }, (_, index) =>
      host.get("agent").exec(
        "agent.call",
        json({ plugin: "agent", command: "agent.echo", payload: `${index}:${"x".repeat(index * 50)}` }),
      )));
    relayed.forEach((answer, index) => assert.equal(text(answer).slice(0, 4), `${index}:${"x".repeat(index * 50)}`.slice(0, 4)));
  });
});

test("D15: what the plugin is not granted is exec.not_granted, and is logged; meta carries who calls, the id and the trace", async () => {
  const log = records();
  const caller = { ...agent, grants: { services: ["who.is"], plugins: { other: ["agent.context"] } } };
  await withHost({ caller, other: agent, none: agent }, async (host) => {
    host.provide("who", { is: (_payload, { from, requestId, traceparent }) => json({ from, requestId, traceparent }) });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const trace = { requestId: "request-1", traceparent };
    const seen = read(await host.get("caller").exec("agent.call", json({ command: "who.is" }), trace));
    assert.deepEqual(seen, { from: "caller", ...trace });
    const passed = read(await host.get("caller").exec("agent.call", json({ plugin: "other", command: "agent.context" }), trace));
    assert.deepEqual(passed, { from: "caller", ...trace });
    const direct = read(await host.get("other").exec("agent.context", undefined, trace));
    assert.deepEqual(direct, { from: "test", ...trace });
    const refused = read(await host.get("none").exec("agent.try", json({ command: "who.is" })));
    assert.equal(refused.code, "exec.not_granted");
    const reserved = read(await host.get("caller").exec("agent.try", json({ plugin: "other", command: "agent.echo" })));
    assert.equal(reserved.code, "exec.not_granted");
    assert.equal((await log.find(/Refused a call .* "who.is"/)).plugin, "none");
  }, { onLog: log.onLog });
});

test("D15: a call that is given up reaches the handler's signal, and what it had asked of the host ends with it", async () => {
  const plugin = { ...agent, grants: { services: ["slow.*"] } };
  await withHost({ agent: plugin }, async (host) => {
    const heard = Promise.withResolvers<string>();
    const begun = Promise.withResolvers<void>();
    host.provide("slow", {
      go: (_payload, { signal }) => {
        begun.resolve();
        signal.addEventListener("abort", () => heard.resolve("told"));
        return new Promise(() => {});
      },
    });
    const controller = new AbortController();
    const call = host.get("agent").exec("agent.call", json({ command: "slow.go" }), { signal: controller.signal });
    await begun.promise;
    controller.abort();
    await assert.rejects(call, { code: "caller.aborted" });
    assert.equal(await heard.promise, "told");
    await assert.rejects(host.get("agent").exec("agent.hang", undefined, { timeoutMs: 100 }), { code: "caller.timeout" });
    assert.equal(read(await host.get("agent").exec("agent.ended")), "told");
  });
});

test("D15: console.log and process.stdout.write everywhere in a TypeScript plugin do not break it, and go to the log", async () => {
  const log = records();
  const chatty = { ...typescriptPlugin("tests/fixtures/chatty.ts"), ...stdio };
  const loud = { ...chatty, env: { CHAT_WHILE_LOADED: "1" } };
  await withHost({ chatty, loud }, async (host) => {
    for (const name of ["chatty", "loud"]) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => host.get(name).exec("chatty.echo", bytes(String(index)))));
      assert.deepEqual(answers.map(text), Array.from({ length: 20 }, (_, index) => String(index)));
      assert.equal(text(await host.get(name).exec("chatty.early", bytes("early"))), "early");
    }
    const wanted = ["chat log handler", "chat info handler", "chat debug handler", "chat dir", "chat group", "chat in a group"];
    for (const each of [...wanted, "chat count", "chat write handler", "chat bytes handler", "chat log later"]) {
      const record = await log.find(new RegExp(each));
      assert.equal(record.values["stream"], "stderr", each);
    }
    await log.find(/│ .*handler/);
    // What is written before serve() has begun breaks nothing either: it is dropped, and told.
    assert.equal((await log.find(/not JSON-RPC.*chat log while loaded/)).plugin, "loud");
    const stray = log.all.filter(({ plugin, message }) =>
      plugin === "chatty" && /not JSON-RPC/.test(message) && !/chat early/.test(message)
    );
    assert.deepEqual(stray, []);
  }, { onLog: log.onLog });
});

test("D15: the ladder: the plugin is asked to end, else its stdin ends; a call that is open is answered before", { skip }, async () => {
  await withHost({ workbench, python }, async (host) => {
    await host.startAll();
    const waiting = host.get("workbench").exec("test.wait", bytes("200"));
    const late = host.get("python").exec("hello.echo", bytes("open"));
    const started = performance.now();
    await Promise.all([host.stop("workbench"), host.stop("python")]);
    assert.equal(text(await waiting), "200");
    assert.equal(text(await late), "open");
    assert.ok(performance.now() - started < 3000);
    assert.deepEqual(host.plugins.map(({ lastExit }) => [lastExit?.code, lastExit?.signal]), [[0, null], [0, null]]);
  });
});

test(
  "D15: killed with SIGKILL again and again, the same handle answers from a new process, and open calls are lost",
  { skip },
  async () => {
    const restart = { max: 20, window: 60, min_delay: 0.01, max_delay: 0.05 };
    await withHost({ hello: { ...hello, restart }, python: { ...python, restart } }, async (host) => {
      for (const name of ["hello", "python"]) {
        for (let trial = 0; trial < 3; trial++) {
          await host.get(name).ping();
          const pid = pidOf(host, name);
          process.kill(pid, "SIGKILL");
          const answer = await host.get(name).exec("hello.echo", bytes(`${trial}`), { retry: "idempotent" });
          assert.equal(text(answer), `${trial}`);
          assert.notEqual(pidOf(host, name), pid);
        }
      }
    });
    await withHost({ workbench }, async (host) => {
      await host.get("workbench").ping();
      const open = assert.rejects(host.get("workbench").exec("test.hang"), { code: "caller.lost" });
      await host.get("workbench").exec("test.echo");
      process.kill(pidOf(host, "workbench"), "SIGKILL");
      await open;
      await assert.rejects(host.get("workbench").exec("test.exit"), { code: "caller.lost" });
    });
  },
);

/** Runs both, one after the other wrong call; afterwards both answer from the processes that they had. */
async function withBad(use: (host: Host, log: ReturnType<typeof records>) => Promise<void>): Promise<void> {
  const log = records();
  const granted = { ...bad, max_payload: MIB, grants: { services: ["bounce.*", "slow.*"] } };
  await withHost({ bad: granted, hello }, async (host) => {
    host.provide("bounce", { go: (payload) => payload });
    await host.startAll();
    const pids = [pidOf(host, "bad"), pidOf(host, "hello")];
    await use(host, log);
    assert.equal(text(await host.get("bad").exec("echo", bytes("still here"))), "still here");
    assert.equal(text(await host.get("hello").exec("hello.echo", bytes("good"))), "good");
    assert.deepEqual([pidOf(host, "bad"), pidOf(host, "hello")], pids);
  }, { onLog: log.onLog, supervise: false });
}

for (
  const [fault, code] of [
    ["bad.shape", "caller.bad_response"],
    ["bad.error", "caller.bad_response"],
    ["bad.odd_hex", "caller.bad_response"],
    ["bad.number", "caller.bad_response"],
    ["bad.list", "caller.bad_response"],
  ] as const
) {
  test(`D15: an answer that is wrong fails its call alone: ${fault}`, { skip }, async () => {
    await withBad(async (host) => {
      await assert.rejects(host.get("bad").exec(fault), { code, plugin: "bad" });
    });
  });
}

test("D15: a line of 100 MB fails the call that it answers, wherever its id stands, and memory stays bounded", { skip }, async () => {
  await withBad(async (host, log) => {
    const handle = host.get("bad");
    const lines: readonly (() => Promise<void>)[] = [
      () => assert.rejects(handle.exec("bad.large"), { code: "caller.too_large" }),
      () => assert.rejects(handle.exec("bad.large_late_id"), { code: "caller.too_large" }),
      async () => assert.equal(text(await handle.exec("bad.large_nobody", bytes("and on"))), "and on"),
      async () => assert.equal(read(await handle.exec("bad.ask_large")), "exec.too_large"),
    ];
    for (const line of lines) {
      const growth = await measureGrowth(line);
      assert.ok(growth < 64 * MIB, `${Math.round(growth / MIB)} MiB`);
    }
    assert.equal((await log.find(/Dropped a line of 104857600 bytes/)).plugin, "bad");
  });
});

test(
  "D15: lines that are no JSON-RPC, answers to nobody and strange requests are logged, not all of them, and disturb nothing",
  { skip },
  async () => {
    await withBad(async (host, log) => {
      const handle = host.get("bad");
      assert.equal(text(await handle.exec("bad.chatter", bytes("after"))), "after");
      assert.equal(text(await handle.exec("bad.nobody", bytes("once"))), "once");
      assert.equal(text(await handle.exec("bad.drip", bytes("drop by drop"))), "drop by drop");
      await assert.rejects(handle.exec("bad.silent", undefined, { timeoutMs: 100 }), { code: "caller.timeout" });
      const told = log.all.filter(({ plugin, values }) => plugin === "bad" && values["stream"] === undefined);
      assert.ok(told.length >= 5 && told.length <= 40, `${told.length} records`);
      assert.ok(told.every(({ message }) => message.length < 500 && !message.includes("\x1b")));
      assert.match(told[0]?.message ?? "", /^Dropped a line that is not JSON-RPC: "line 0 of no meaning/);
    });
  },
);

test("D15: an id that is used again while its call is open is dropped and logged, and the first is answered", { skip }, async () => {
  await withBad(async (host, log) => {
    host.provide("slow", {
      go: async () => {
        await log.find(/There is an open call of the id "mine" already/);
        return bytes("slow");
      },
    });
    assert.deepEqual(read(await host.get("bad").exec("bad.reuse")), ["mine"]);
  });
});

test("D15: half a line and an exit lose the call, and are told; so does a stdout that is closed", { skip }, async () => {
  const log = records();
  await withHost({ bad }, async (host) => {
    await assert.rejects(host.get("bad").exec("bad.exit"), { code: "caller.lost", plugin: "bad" });
    assert.match((await log.find(/ended in the middle of a line/)).message, /jsonrpc/);
    await assert.rejects(host.get("bad").exec("bad.closes_stdout"), { code: "caller.lost" });
    await assert.rejects(host.get("bad").exec("echo", undefined, { retry: "never" }), { code: "caller.refused" });
    await host.stop("bad", { graceMs: 0 });
  }, { onLog: log.onLog, supervise: false });
});

test("D15: a plugin that does not read its stdin keeps its calls within their deadlines, and memory stays bounded", { skip }, async () => {
  await withHost({ bad, hello }, async (host) => {
    await host.startAll();
    const deaf = assert.rejects(host.get("bad").exec("bad.deaf", undefined, { timeoutMs: 3000 }), { code: "caller.timeout" });
    const payload = new Uint8Array(MIB);
    const growth = await measureGrowth(async () => {
      const calls = Array.from({ length: 300 }, () => host.get("bad").exec("echo", payload, { timeoutMs: 1000 }));
      const codes = (await Promise.allSettled(calls)).map((each) => each.status === "rejected" ? each.reason.code : "answered");
      assert.deepEqual([...new Set(codes)], ["caller.timeout"]);
      assert.equal(text(await host.get("hello").exec("hello.echo", bytes("good"))), "good");
    });
    assert.ok(growth < 64 * MIB, `${Math.round(growth / MIB)} MiB`);
    await deaf;
    await host.stop("bad", { graceMs: 0 });
  }, { supervise: false });
});

test("D15: a plugin that asks without end and reads no answer is let go of, and memory stays bounded", { skip }, async () => {
  const log = records();
  await withHost({ bad: { ...bad, grants: { services: ["bounce.*"] } }, hello }, async (host) => {
    host.provide("bounce", { go: (payload) => payload });
    await host.startAll();
    const growth = await measureGrowth(async () => {
      await assert.rejects(host.get("bad").exec("bad.greedy"), { code: "caller.lost" });
      assert.equal(text(await host.get("hello").exec("hello.echo", bytes("good"))), "good");
    });
    assert.ok(growth < 64 * MIB, `${Math.round(growth / MIB)} MiB`);
    await log.find(/reads no answer/);
    await host.stop("bad", { graceMs: 0 });
  }, { onLog: log.onLog, supervise: false });
});
