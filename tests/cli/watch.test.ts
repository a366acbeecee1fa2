/**
 * Row C19: `run --watch` reloads a plugin when its file or its table is saved, SIGHUP what is configured anew; the others run on.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { stringify } from "smol-toml";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, pathOf, processesWith, RUNTIME, withFolder } from "../support.ts";
import { type CliRun, programArgs, type RunningCli, startCli } from "./cli.ts";

interface Developed {
  readonly running: RunningCli;
  readonly folder: string;
  readonly marker: string;
  /** Saves a plugin's file; it writes this when it starts. */
  save(plugin: string, says: string): Promise<void>;
  /** Saves the configuration with other keys of one plugin, or without it. */
  configure(plugin: string, keys: Record<string, unknown> | undefined): Promise<void>;
  interrupt(): Promise<CliRun>;
}

const source = (says: string) =>
  `import { definePlugin, serve } from "${pathOf("plugin/mod.ts")}";
console.log("${says}", process.env.NOTE ?? "");
await serve(definePlugin({ name: "mine", version: "1.0.0", commands: { "mine.none": (bytes) => bytes } }));
`;

const sha256 = async (path: string) => createHash("sha256").update(await readFile(path)).digest("hex");

/** Runs plugins `a` and `b`, each with its file and its checksum in a folder, and fails when a process is left. */
async function withRun(args: readonly string[], use: (developed: Developed) => Promise<void>, keys: Record<string, unknown> = {}) {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const config = join(folder, "config.toml");
    const save = async (plugin: string, says: string) => {
      await writeFile(join(folder, `${plugin}.ts~`), source(says));
      await rename(join(folder, `${plugin}.ts~`), join(folder, `${plugin}.ts`));
    };
    const plugins: Record<string, Record<string, unknown>> = {};
    const write = async () => {
      await writeFile(`${config}~`, stringify({ plugins, hosts: { test: { plugins: Object.keys(plugins) } } }));
      await rename(`${config}~`, config);
    };
    const denoArgs = RUNTIME === "deno" ? ["run", "-A", "-q", "--no-check", `--config=${pathOf("deno.json")}`] : [];
    for (const name of ["a", "b"]) {
      await save(name, `${name} one`);
      const path = join(folder, `${name}.ts`);
      plugins[name] = {
        exec: RUNTIME,
        exec_args: [...denoArgs, path],
        exec_file: `${name}.ts`,
        sha256: await sha256(path),
        env: { TEST_MARKER: marker },
        ...keys,
      };
    }
    const configure = async (plugin: string, changed: Record<string, unknown> | undefined) => {
      if (changed === undefined) delete plugins[plugin];
      else plugins[plugin] = { ...plugins[plugin], ...changed };
      await write();
    };
    await write();
    const running = startCli(["run", ...args, "--config", config]);
    const end = async () => {
      if (running.child.exitCode === null && running.child.signalCode === null) process.kill(running.pid, "SIGINT");
      return await running.done;
    };
    try {
      await running.said("a | a one");
      await running.said("b | b one");
      await running.said(" * ready, pid ", 2);
      await use({ running, folder, marker, save, configure, interrupt: end });
    } finally {
      await end();
      await assertNoneLeft(marker);
    }
  });
}

/** How often a plugin has become ready. */
function starts({ stderr }: CliRun, plugin: string): number {
  return stderr.split(`${plugin} * ready, pid `).length - 1;
}

test("C19: saving a plugin's file reloads that plugin alone, and says that its checksum is not applied", async () => {
  await withRun(["--watch"], async ({ running, save, interrupt, marker }) => {
    await save("a", "a two");
    await running.said("a * a.ts was saved: reloading");
    await running.said("a | a two");
    const said = await running.said("a * ready, pid ", 2);
    // It is started again as it was saved.
    process.kill(Number([...said.matchAll(/a \* ready, pid (\d+)/g)].at(-1)?.[1]), "SIGKILL");
    await running.said("a | a two", 2);
    await running.said("a * ready, pid ", 3);
    while ((await processesWith(marker)).length > 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const run = await interrupt();
    assert.equal(run.code, 130);
    assert.deepEqual([starts(run, "a"), starts(run, "b")], [3, 1]);
    assert.match(run.stderr, /^warning\[verify\.not_applied\]: The checksum of plugin "a" is not applied while it is watched$/m);
    assert.doesNotMatch(run.stderr, /plugin "b"|error\[/);
  });
});

test("C19: saving a plugin's table reloads that plugin alone, and says that its checksum is not applied", async () => {
  await withRun(["--watch"], async ({ running, configure, save, interrupt, marker }) => {
    await configure("b", { env: { TEST_MARKER: marker, NOTE: "anew" } });
    await running.said("b * config.toml was saved: reloading");
    await running.said("b | b one anew");
    await running.said("b * ready, pid ", 2);
    await save("b", "b two");
    await running.said("b | b two anew");
    const run = await interrupt();
    assert.deepEqual([run.code, starts(run, "a")], [130, 1]);
    assert.match(run.stderr, /^warning\[verify\.not_applied\]: The checksum of plugin "b" is not applied/m);
    assert.doesNotMatch(run.stderr, /plugin "a"|error\[/);
  });
});

test("C19: a further file of the plugin, and one that its table names anew, are watched as well", async () => {
  await withRun(["--watch"], async ({ running, folder, configure, interrupt }) => {
    await writeFile(join(folder, "words.txt"), "one");
    await writeFile(join(folder, "settings.json"), "{}");
    await configure("a", { files: ["*.txt"], config: "file://settings.json" });
    await running.said("a * ready, pid ", 2);
    await writeFile(join(folder, "words.txt"), "two");
    await running.said("a * words.txt was saved: reloading");
    await running.said("a * ready, pid ", 3);
    await writeFile(join(folder, "settings.json"), '{"lang":"es"}');
    await running.said("a * settings.json was saved: reloading");
    await running.said("a * ready, pid ", 4);
    assert.equal(starts(await interrupt(), "b"), 1);
  });
});

test("C19: a save that breaks a plugin is told, the old process serves on, and the next save takes over", async () => {
  await withRun(["--watch"], async ({ running, folder, save, interrupt }) => {
    await writeFile(join(folder, "a.ts"), "this is no TypeScript");
    await running.said("a * not reloaded; the old process serves on");
    await save("a", "a repaired");
    await running.said("a | a repaired");
    await running.said("a * ready, pid ", 2);
    const run = await interrupt();
    assert.match(run.stderr, /^error\[ready\.exited\]: Cannot start plugin "a"/m);
    assert.equal(run.code, 130);
  });
});

test("C19: run --watch waits for a save when no plugin can run", async () => {
  await withRun(["--watch"], async ({ running, save, interrupt }) => {
    await save("a", 'bye"); process.exit(3); ("');
    await running.said("not reloaded");
    const pids = [...(await running.said("ready")).matchAll(/ready, pid (\d+)/g)].map(([, pid]) => Number(pid));
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await running.said(" * crashed, it is given up", 2);
    await save("a", "a again");
    await running.said("a | a again");
    await running.said("a * ready, pid ", 2);
    assert.doesNotMatch((await interrupt()).stderr, /No plugin runs any more/);
  }, { restart: { max: 0 } });
});

test("C19: run --watch --json says it as objects", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "a.ts");
    await writeFile(path, source("one"));
    const [exec, exec_args] = [process.execPath, programArgs("", []).filter((arg) => arg.startsWith("-") || arg === "run")];
    const plugin = { exec, exec_args: [...exec_args, path], exec_file: path, sha256: await sha256(path) };
    await writeFile(join(folder, "config.toml"), stringify({ plugins: { a: plugin }, hosts: { test: { plugins: ["a"] } } }));
    const running = startCli(["run", "--watch", "--json", "--config", join(folder, "config.toml")]);
    await running.said('"state":"ready"');
    await writeFile(path, source("two"));
    await running.said('"state":"ready"', 2);
    process.kill(running.pid, "SIGINT");
    const records = (await running.done).stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(records.some(({ plugin, note }) => plugin === "a" && note === "a.ts was saved: reloading"));
    assert.ok(records.some(({ plugin, code }) => plugin === "a" && code === "verify.not_applied"));
    const ready = records.findLast(({ state }) => state === "ready");
    assert.deepEqual([typeof ready.pid, typeof ready.afterMs], ["number", "number"]);
  });
});

test("C19: SIGHUP reloads each plugin that is configured anew, with its checksum, and no other", async () => {
  await withRun([], async ({ running, folder, save, configure, interrupt, marker }) => {
    process.kill(running.pid, "SIGHUP");
    await running.said("SIGHUP: no plugin that runs here is configured anew");
    await save("a", "a two");
    await configure("a", { env: { TEST_MARKER: marker, NOTE: "anew" } });
    process.kill(running.pid, "SIGHUP");
    await running.said("a * SIGHUP: reloading");
    await running.said("error[verify.checksum_mismatch]");
    await running.said("a * not reloaded; the old process serves on");
    await configure("a", { sha256: await sha256(join(folder, "a.ts")) });
    process.kill(running.pid, "SIGHUP");
    await running.said("a | a two anew");
    await running.said("a * ready, pid ", 2);
    const run = await interrupt();
    assert.deepEqual([run.code, starts(run, "a"), starts(run, "b")], [130, 2, 1]);
    assert.doesNotMatch(run.stderr, /not_applied/);
  });
});

test("C19: SIGHUP tells what is wrong with the configuration, stops what is disabled, starts it when it is enabled", async () => {
  await withRun([], async ({ running, folder, configure, interrupt }) => {
    const config = join(folder, "config.toml");
    await writeFile(config, "[plugins");
    process.kill(running.pid, "SIGHUP");
    await running.said("error[config.invalid]");
    await configure("a", { comm_port: 70_000 });
    process.kill(running.pid, "SIGHUP");
    await running.said("a * not reloaded; the old process serves on");
    // What failed is tried again with each SIGHUP.
    process.kill(running.pid, "SIGHUP");
    await running.said("a * not reloaded; the old process serves on", 2);
    await configure("a", { comm_port: 0, enabled: false });
    process.kill(running.pid, "SIGHUP");
    await running.said("a * SIGHUP: it is no longer enabled");
    await running.said("a * stopped");
    await configure("a", { enabled: true });
    await configure("c", { exec: RUNTIME, exec_file: "a.ts" });
    process.kill(running.pid, "SIGHUP");
    await running.said('Plugin "c" does not run here');
    await running.said("a * ready, pid ", 2);
    await configure("a", undefined);
    process.kill(running.pid, "SIGHUP");
    await running.said("error[host.unknown_plugin]");
    const run = await interrupt();
    assert.deepEqual([run.code, starts(run, "a"), starts(run, "b")], [130, 2, 1]);
  });
});

test("C19: SIGHUP of a terminal that was closed ends run and its plugins", { skip: languageSkip("python") }, async () => {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const path = pathOf("tests/fixtures/workbench.ts");
    const exec_args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), path];
    const plugins = { a: { exec: RUNTIME, exec_args, exec_file: path, env: { TEST_MARKER: marker } } };
    const config = join(folder, "config.toml");
    await writeFile(config, stringify({ settings: { allow_unverified: true }, plugins, hosts: { test: { plugins: ["a"] } } }));
    const args = [process.execPath, ...programArgs("host/cli/main.ts", ["run", "--config", config])];
    const { stdout } = await promisify(execFile)("python3", [pathOf("tests/fixtures/closes_terminal.py"), ...args]);
    assert.equal(stdout, "exited with 130\n");
    await assertNoneLeft(marker);
  });
});
