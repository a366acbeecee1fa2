/**
 * Rows C12 and C13: a plugin is replaced behind its handle, by a process of a new configuration, without a call lost.
 * @module
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Host, openHost } from "../../host/mod.ts";
import { openStandIn } from "./process/stand_in.ts";
import { languageSkip } from "../languages.ts";
import {
  assertNoneLeft,
  buildGoPlugin,
  bytes,
  keysOf,
  processesWith,
  pythonPlugin,
  text,
  typescriptPlugin,
  withFolder,
} from "../support.ts";

const lively = typescriptPlugin("tests/fixtures/lively.ts");

interface Edited {
  readonly host: Host;
  readonly folder: string;
  readonly marker: string;
  /** Writes the configuration anew. */
  edit(plugins: Record<string, Record<string, unknown>>): Promise<void>;
}

/** Opens a host of a configuration file, which the test edits. */
async function withFile(plugins: Record<string, Record<string, unknown>>, use: (edited: Edited) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const config = join(folder, "config.toml");
    const marker = crypto.randomUUID();
    const edit = async (edited: Record<string, Record<string, unknown>>) => {
      const lines = ["[settings]", "allow_unverified = true"];
      for (const [name, keys] of Object.entries(edited)) {
        lines.push(`[plugins.${name}]`, `env = { TEST_MARKER = "${marker}" }`);
        for (const [key, value] of Object.entries(keys)) lines.push(`${key} = ${toToml(value)}`);
      }
      lines.push("[hosts.test]", `plugins = ${JSON.stringify(Object.keys(edited))}`);
      await writeFile(config, lines.join("\n"));
    };
    await edit(plugins);
    const host = await openHost("test", { config });
    try {
      await use({ host, folder, marker, edit });
    } finally {
      await host.close();
      await assertNoneLeft(marker);
    }
  });
}

/** JSON is TOML, but for tables. */
function toToml(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([key, inner]) => `${key} = ${toToml(inner)}`).join(", ")} }`;
}

test("C12: an edited configuration applies at the reload, and not before, to that plugin alone", async () => {
  const [en, es] = ["en", "es"].map((lang) => ({ ...lively, config: { lang } }));
  await withFile({ hello: en ?? {}, other: en ?? {} }, async ({ host, edit }) => {
    const greet = async (name: string) => text(await host.get(name).exec("lively.greet", bytes("Ann")));
    const hello = host.get("hello");
    assert.deepEqual([await greet("hello"), await greet("other")], ["Hello Ann!", "Hello Ann!"]);
    await edit({ hello: es ?? {}, other: es ?? {} });
    assert.equal(await greet("hello"), "Hello Ann!");
    await host.reload("hello");
    assert.deepEqual([await greet("hello"), await greet("other")], ["Hola Ann!", "Hello Ann!"]);
    assert.equal(host.get("hello"), hello);
    assert.equal(hello.state.kind === "ready" && hello.state.launch, 2);
  });
});

test("C12: a fault elsewhere in the file is none of the plugin's; one of its own is told, and the old process serves on", async () => {
  await withFile({ hello: lively, other: lively }, async ({ host, edit }) => {
    const pid = text(await host.get("hello").exec("lively.pid"));
    await edit({ hello: lively, other: { ...lively, comm_port: 70_000 } });
    await host.reload("hello");
    await edit({ hello: { ...lively, comm_port: 70_000 }, other: lively });
    await assert.rejects(host.reload("hello"), { code: "config.invalid", message: /comm_port/ });
    await edit({ other: lively });
    await assert.rejects(host.reload("hello"), { code: "host.unknown_plugin" });
    await edit({ hello: { ...lively, enabled: false }, other: lively });
    await assert.rejects(host.reload("hello"), { code: "host.inactive" });
    assert.notEqual(text(await host.get("hello").exec("lively.pid")), pid);
    assert.equal(host.plugins[0]?.state.kind, "ready");
  });
});

const bad: readonly (readonly [title: string, keys: Record<string, unknown>, code: string])[] = [
  ["is not the one that was registered", { sha256: "0".repeat(64) }, "verify.checksum_mismatch"],
  ["exits at its start", { config: "exit" }, "ready.exited"],
  ["does not take its configuration", { config: "refuse" }, "ready.init"],
  ["never ends its init", { config: "hang", start_timeout: 1 }, "ready.timeout"],
  ["cannot be executed", { exec: "./nothing-here", exec_file: "config.toml" }, "spawn.not_found"],
];

for (const [title, keys, code] of bad) {
  test(`C13: a new process that ${title} is ${code}, and the old one serves on`, async () => {
    await withFile({ hello: lively }, async ({ host, edit, marker }) => {
      const pid = text(await host.get("hello").exec("lively.pid"));
      await edit({ hello: { ...lively, ...keys } });
      await assert.rejects(host.reload("hello"), { code });
      assert.equal(text(await host.get("hello").exec("lively.pid")), pid);
      assert.deepEqual(await processesWith(marker), [Number(pid)]);
    });
  });
}

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C13: ${wire}: ten reloads under load fail no call, and each runs once`, async () => {
    await withFile({ hello: { ...lively, socket: false, ...keysOf(wire) } }, async ({ host, folder }) => {
      const handle = host.get("hello");
      const file = join(folder, "calls");
      const sent: string[] = [];
      let reloading = true;
      const repeat = async () => {
        while (reloading) {
          const requestId = `r-${sent.length}`;
          sent.push(requestId);
          await handle.exec("lively.note", bytes(file), { retry: "never", requestId });
        }
      };
      await handle.ready();
      const load = Promise.all(Array.from({ length: 4 }, repeat));
      for (let count = 0; count < 10; count++) await host.reload("hello");
      reloading = false;
      await load;
      const ran = (await readFile(file, "utf8")).trim().split("\n");
      assert.equal(ran.length, sent.length);
      assert.deepEqual(new Set(ran), new Set(sent));
      assert.equal(handle.state.kind === "ready" && handle.state.launch, 11);
    });
  });
}

test("C13: a call that is open at the switch is answered by the old process", async () => {
  await withFile({ hello: lively }, async ({ host }) => {
    const handle = host.get("hello");
    await handle.ready();
    const open = handle.exec("lively.wait", bytes("1500"), { retry: "never" });
    await host.reload("hello");
    assert.equal(text(await open), "1500");
  });
});

test("C13: two reloads at once end with one process", async () => {
  await withFile({ hello: lively }, async ({ host, marker }) => {
    await host.start("hello");
    await Promise.all([host.reload("hello"), host.reload("hello")]);
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
    assert.equal(host.plugins[0]?.state.kind === "ready" && host.plugins[0].state.launch, 3);
  });
});

test("C13: a plugin with a fixed port is stopped first, and calls wait", async () => {
  const free = await openStandIn(() => ({}));
  await free.close();
  const fixed = { ...lively, comm_port: free.port, config: { lang: "en" } };
  await withFile({ hello: fixed }, async ({ host, edit, marker }) => {
    const greet = async () => text(await host.get("hello").exec("lively.greet", bytes("Ann"), { retry: "never" }));
    assert.equal(await greet(), "Hello Ann!");
    await edit({ hello: { ...fixed, config: { lang: "es" } } });
    const reload = host.reload("hello");
    while (host.get("hello").state.kind === "ready") await new Promise((resolve) => setImmediate(resolve));
    const waiting = greet();
    await reload;
    assert.equal(await waiting, "Hola Ann!");
    await edit({ hello: { ...fixed, config: "refuse" } });
    await assert.rejects(host.reload("hello"), { code: "ready.init" });
    assert.equal(await greet(), "Hola Ann!");
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
  });
});

test("C13: a stop during a reload ends both processes, and the reload is host.stopped", async () => {
  await withFile({ hello: lively }, async ({ host, edit, marker }) => {
    await host.start("hello");
    await edit({ hello: { ...lively, config: "hang" } });
    const reload = assert.rejects(host.reload("hello"), { code: "host.stopped" });
    while ((await processesWith(marker)).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await host.stop("hello");
    await reload;
    await assertNoneLeft(marker);
    assert.equal(host.plugins[0]?.state.kind, "stopped");
  });
});

test("C13: a process that dies while the next one starts is replaced by it", async () => {
  await withFile({ hello: lively }, async ({ host, marker }) => {
    const handle = await host.start("hello");
    const reload = host.reload("hello");
    await handle.exec("lively.exit").catch(() => {});
    await reload;
    assert.equal(handle.state.kind, "ready");
    assert.match(text(await handle.exec("lively.pid")), /^\d+$/);
    // A restart that had begun at the same moment is given up, and its process ends.
    let left = await processesWith(marker);
    for (let tries = 0; tries < 200 && left.length > 1; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      left = await processesWith(marker);
    }
    assert.deepEqual(left, [host.plugins[0]?.pid]);
  });
});

const plainPlugins: readonly (readonly [title: string, language: "python" | "go", command: string, payload: string])[] = [
  ["Python", "python", "test.wait", "0.01"],
  ["Go", "go", "hello.echo", "again"],
];

for (const [title, language, command, payload] of plainPlugins) {
  test(
    `C13: a ${title} plugin that knows nothing of polyplug is reloaded under load as well`,
    { skip: languageSkip(language) },
    async () => {
      await withFolder(async (built) => {
        const plain = language === "go" ? { exec: await buildGoPlugin(built) } : pythonPlugin("tests/fixtures/process/plain.py");
        await withFile({ hello: plain }, async ({ host, marker }) => {
          const handle = await host.start("hello");
          let reloading = true;
          const repeat = async () => {
            while (reloading) await handle.exec(command, bytes(payload), { retry: "never" });
          };
          const load = Promise.all(Array.from({ length: 4 }, repeat));
          for (let count = 0; count < 5; count++) await host.reload("hello");
          reloading = false;
          await load;
          assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
        });
      });
    },
  );
}
