/**
 * Row B10: what a host must be allowed under `deno run`, as README lists it.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathOf, RUNTIME, withFolder } from "../support.ts";
import { copyPlain, writeConfig } from "./plugin_files.ts";

/** What a plugin inherits, and what is looked at by Deno's `spawn` and `glob`, and by undici. */
const NAMES =
  "HOME,JEST_WORKER_ID,LANG,LC_*,LOGNAME,NODE_V8_COVERAGE,PATH,SHELL,TERM,TMPDIR,TZ,UNDICI_*,USER,__MINIMATCH_TESTING_PLATFORM__";

/** The flags for a host whose configuration and plugins are in one folder, by name; the value `undefined` allows all. */
function flagsFor(folder: string): Readonly<Record<string, string | undefined>> {
  return {
    "allow-env": NAMES,
    "allow-net": "127.0.0.1,[::1]",
    "allow-read": `${folder},${process.execPath}`,
    "allow-run": undefined, // To end a process group Deno asks for all of it.
    "allow-write": join(folder, "state"),
  };
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the small host of one plugin on this runtime with these flags alone. */
async function runHost(folder: string, flags: Readonly<Record<string, string | undefined>>, variables: Record<string, string> = {}) {
  const given = Object.entries(flags).map(([flag, value]) => value === undefined ? `--${flag}` : `--${flag}=${value}`);
  const args = ["run", "--no-prompt", ...given, pathOf("tests/fixtures/small_host.ts"), join(folder, "config.toml")];
  const env = { ...process.env, NO_COLOR: "1", ...variables };
  return await new Promise<Ended>((resolve, reject) => {
    execFile("deno", args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

/** Writes a configuration with every check of files that a host makes. */
async function withPlugin(use: (folder: string) => Promise<void>, keys: Record<string, unknown> = { socket: false }): Promise<void> {
  await withFolder(async (folder) => {
    const { sha256: _, ...plugin } = await copyPlain(folder, "a");
    await writeConfig(folder, { a: { ...plugin, exec: process.execPath, files: ["a/*.ts"], ...keys } }, { allow_unverified: true });
    await use(folder);
  });
}

test("B10: a host runs under deno run with the flags that README lists", async () => {
  await withPlugin(async (folder) => {
    assert.deepEqual(await runHost(folder, flagsFor(folder)), { code: 0, stdout: "hello\n", stderr: "" });
  });
});

test("B10: where Deno does not allow the framed socket, a plugin that offers it is called over its comm_type", async () => {
  await withPlugin(async (folder) => {
    const plugin = `import { definePlugin, serve } from ${JSON.stringify(pathOf("plugin/mod.ts"))};
await serve(definePlugin({ name: "a", version: "1.0.0", commands: { any: (payload) => payload } }));
`;
    await writeFile(join(folder, "a", "plugin.ts"), plugin);
    const config = await readFile(join(folder, "config.toml"), "utf8");
    await writeFile(join(folder, "config.toml"), config.replace(/^sha256 = .*\n/m, "").replace(/^files = .*\n/m, ""));
    assert.deepEqual(await runHost(folder, flagsFor(folder)), { code: 0, stdout: "hello\n", stderr: "" });
  }, { exec_args: [...(RUNTIME === "deno" ? ["run", "-A", "-q", `--config=${pathOf("deno.json")}`] : []), "plugin.ts"] });
});

test("B10: without any one of these flags it does not, and says which is missing", async () => {
  await withPlugin(async (folder) => {
    for (const flag of Object.keys(flagsFor(folder))) {
      const { [flag]: _, ...others } = flagsFor(folder);
      const { code, stdout, stderr } = await runHost(folder, others);
      assert.deepEqual([code, stdout], [1, ""], `without --${flag}`);
      assert.match(stderr, new RegExp(`Requires ${flag.replace("allow-", "")} access.*--${flag}`), `without --${flag}`);
    }
  });
});

test("B10: each value of these flags is asked for, and no other variable or address", async () => {
  await withPlugin(async (folder) => {
    const audit = join(folder, "audit.jsonl");
    const flags = flagsFor(folder);
    assert.equal((await runHost(folder, flags, { DENO_AUDIT_PERMISSIONS: audit })).code, 0);
    const asked = (await readFile(audit, "utf8")).trim().split("\n").map((line) => JSON.parse(line));
    const valuesOf = (permission: string): string[] => asked.filter((each) => each.permission === permission).map(({ value }) => value);
    const fits: Readonly<Record<string, (listed: string, value: string) => boolean>> = {
      env: (listed, value) => listed.endsWith("*") ? value.startsWith(listed.slice(0, -1)) : value === listed,
      net: (listed, value) => value.startsWith(`${listed}:`),
      read: (listed, value) => value === listed || value.startsWith(`${listed}/`),
      write: (listed, value) => value.startsWith(`${listed}/`),
    };
    for (const [permission, fit] of Object.entries(fits)) {
      const listed = flags[`allow-${permission}`]?.split(",") ?? [];
      assert.deepEqual(listed.filter((each) => !valuesOf(permission).some((value) => fit(each, value))), [], `--allow-${permission}`);
    }
    for (const permission of ["env", "net", "write"]) {
      const listed = flags[`allow-${permission}`]?.split(",") ?? [];
      const others = valuesOf(permission).filter((value) => !listed.some((each) => fits[permission]?.(each, value)));
      assert.deepEqual(others, [], permission);
    }
  });
});

test("B10: README lists these flags", async () => {
  const readme = await readFile(pathOf("README.md"), "utf8");
  for (const flag of [`--allow-env='${NAMES}'`, "--allow-net='127.0.0.1,[::1]'", "--allow-run \\", "--allow-read=", "--allow-write="]) {
    assert.ok(readme.includes(flag), flag);
  }
});
