/**
 * Row A2: wrong configurations, each with everything that is wrong with it in one error.
 * @module
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../../../host/config/parse.ts";
import { isPluginError, openHost } from "../../../host/mod.ts";
import { withFolder } from "../../support.ts";
import { WRONG } from "./wrong_configs.ts";

/** What `parseConfig` throws for it. */
function errorOf(toml: string): Error {
  try {
    parseConfig({ path: "/etc/config.toml", folder: "/etc", content: toml });
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return assert.fail("It is accepted");
}

for (const { title, toml, findings } of WRONG) {
  test(`A2: parseConfig() gives every finding: ${title}`, () => {
    const error = errorOf(toml);
    assert.ok(isPluginError(error), String(error));
    assert.equal(error.code, "config.invalid");
    const [head, ...lines] = error.message.split("\n");
    assert.equal(head, `The configuration "/etc/config.toml" has ${findings.length === 1 ? "1 error" : `${findings.length} errors`}:`);
    const told = ([path, fragment]: readonly [string, string]) => {
      return lines.some((line) => line.startsWith(`  ${path} `) && line.includes(fragment));
    };
    const unmatched = findings.filter((finding) => !told(finding));
    assert.deepEqual(unmatched, [], error.message);
    assert.equal(lines.length, findings.length, error.message);
  });
}

test("A2: openHost() throws all findings of a file in one error that names the file", async () => {
  await withFolder(async (folder) => {
    const config = join(folder, "config.toml");
    await writeFile(config, `[plugins.a]\ncomm_port = 70000\n[plugins.b]\nexec = 3\n[hosts.test]\nplugins = ["a", "c"]\n`);
    await assert.rejects(openHost("test", { config }), {
      name: "PluginError",
      code: "config.invalid",
      message: /config\.toml" has 4 errors:\n(.*\n)*.*plugins\.a\.comm_port (.*\n)*.*plugins\.b\.exec (.*\n)*/,
    });
  });
});

test("A2: openHost() tells what is wrong with an object that no TOML parser would give", async () => {
  const plugin = { exec: "./a", comm_port: 10n, timeout: () => 1, md5: null, exec_time: Symbol("s") };
  const config = { plugins: { a: plugin }, hosts: { test: { plugins: ["a"] } } };
  await assert.rejects(openHost("test", { config }), { code: "config.invalid", message: /^The configuration has 4 errors:\n/ });
});

test("A2: a mistyped key is hinted at when another is missing for it", async () => {
  const config = { plugins: { a: { exce: "./a" } }, hosts: { test: { plugins: ["a"] } } };
  await assert.rejects(openHost("test", { config }), {
    code: "config.invalid",
    message: /plugins\.a\.exec is missing/,
    hint: /plugins\.a\.exce .*"exec"/,
  });
});

test("A2: openHost() refuses a file that is not UTF-8", async () => {
  await withFolder(async (folder) => {
    const config = join(folder, "config.toml");
    await writeFile(config, Uint8Array.of(0x5b, 0xff, 0x5d));
    await assert.rejects(openHost("test", { config }), { code: "config.invalid", message: /config\.toml" is not UTF-8 text/ });
  });
});
