/**
 * The checksums in the committed configurations of the examples, and the script that brings them up to date.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig, checkExamples } from "../../examples/checksums.ts";
import { openHost } from "../../host/mod.ts";
import { pathOf, withFolder } from "../support.ts";

test("examples: every checksum is that of the committed file", async () => {
  const configs = await checkExamples(pathOf("examples"));
  const stale = configs.flatMap(({ path, stale }) => stale.map((plugin) => `${plugin} in ${path}`));
  const advice = "if the change of the file is meant, run: deno run -A examples/checksums.ts";
  assert.deepEqual(stale, [], `stale checksums of ${stale.join(", ")}; ${advice}`);
  assert.ok(configs.length >= 2, "the configurations of hello and logs are found");
});

test("examples: the host itself takes the committed checksums for right", async () => {
  for (const [example, host] of [["hello", "main"], ["logs", "logs"]] as const) {
    await using opened = await openHost(host, { config: pathOf(`examples/${example}/config.toml`) });
    const changed = [...opened.rejected.values()].filter(({ code }) => code.startsWith("verify."));
    assert.deepEqual(changed.map(({ message }) => message), []);
  }
});

const ODD = `# sha256 = "0"   in a comment stays\t
[plugins.one]
exec_file = "one.ts"
  sha256 = "indented, so not ours"
sha256 = "SUM_ONE" # said the author


[plugins.two]
exec_file = "sub/two.py"
md5 = "1"
sha256 = "SUM_TWO"
[hosts.main]
plugins = ["one", "two"]`;

test("checksums.ts changes stale checksums and not one other byte", async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "one.ts"), "one");
    await writeFile(join(folder, "sub", "two.py"), "two\r\n");
    const path = join(folder, "config.toml");
    const [one, two] = ["one", "two\r\n"].map((content) => createHash("sha256").update(content).digest("hex"));
    await writeFile(path, ODD.replace("SUM_ONE", "0".repeat(64)).replace("SUM_TWO", `${two}`));
    assert.deepEqual(await checkConfig(path), {
      path,
      stale: ["one"],
      text: ODD.replace("SUM_ONE", `${one}`).replace("SUM_TWO", `${two}`),
    });
  });
});

test("checksums.ts finds a changed file", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "plugin.ts"), "// another\n");
    await writeFile(join(folder, "hello.py"), await readFile(pathOf("examples/hello/hello.py")));
    const path = join(folder, "config.toml");
    await writeFile(path, await readFile(pathOf("examples/hello/config.toml")));
    assert.deepEqual((await checkConfig(path)).stale, ["hello-deno", "hello-bun", "hello-node", "hello-grpc", "hello-connect"]);
  });
});
