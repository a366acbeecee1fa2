/**
 * The commands that the READMEs show: those of the command-line table, line by line, and those for curl.
 * @module
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { cli, type CliRun, programArgs, startCli } from "../cli/cli.ts";
import { toolSkip } from "../languages.ts";
import { pathOf, RUNTIME } from "../support.ts";
import { blockOf, withInnerFolder, writePluginAndConfig } from "./blocks.ts";

/** The first cells of the command-line table, without `polyplug`. */
async function commandLines(): Promise<readonly string[]> {
  const readme = await readFile(pathOf("README.md"), "utf8");
  return [...readme.matchAll(/^\| `polyplug (.+?)` +\|/gm)].flatMap(([, line = ""]) => line.replaceAll("\\|", "|").split("`, `"));
}

/** A line of the table as it is typed, what it then says, and how it ends (0). */
interface Typed {
  readonly args: (address: string) => string[];
  readonly says: RegExp;
  readonly code?: number;
  readonly input?: string;
}

/** By the line as the table has it. */
const TYPED: Readonly<Record<string, Typed>> = {
  "list": { args: () => ["list"], says: /^upper +rest/m },
  "check": { args: () => ["check"], says: /1 plugin, 0 errors/ },
  "ping NAME…": { args: () => ["ping", "upper"], says: /upper/ },
  "exec NAME COMMAND [PAYLOAD]": { args: () => ["exec", "upper", "text.upper", "hello"], says: /^HELLO$/ },
  "exec --at ADDRESS COMMAND [PAYLOAD]": { args: (address) => ["exec", "--at", address, "text.upper", "hello"], says: /^HELLO$/ },
  "register DIR": { args: () => ["register", "more"], says: /more/ },
  "unregister NAME": { args: () => ["unregister", "more"], says: /more/ },
  "checksum FILE…": { args: () => ["checksum", "plugin.ts"], says: /^sha256 = "[0-9a-f]{64}"$/m },
  "conform [NAME | --at ADDRESS]": {
    args: (address) => ["conform", "--at", address, "--echo", "text.upper"], // Which is no echo, and it says so.
    says: /^FAIL +3 +exec\.echo/m,
    code: 1,
  },
  "types NAME": { args: () => ["types", "upper"], says: /text\.upper/ },
  "try -- deno run -A plugin.ts": {
    args: () => ["try", "--", RUNTIME, ...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "plugin.ts"],
    says: /^HELLO$/m,
    input: "text.upper hello\n",
  },
};

/** Starts README's plugin by hand in a folder and hands out its address and what it printed. */
async function withPluginByHand(folder: string, use: (address: string, printed: string) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, programArgs(join("tmp", folder.slice(pathOf("tmp").length + 1), "plugin.ts"), []), {
    cwd: folder,
    stdio: ["pipe", "inherit", "pipe"], // It says how to call it on stderr.
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    let printed = "";
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject).once("close", () => reject(new Error(`It ended: ${printed}`)));
      child.stderr.on("data", (chunk) => (printed += chunk).includes("/exec") && resolve());
    });
    await use(/http:\/\/[\d.:]+/.exec(printed)?.[0] ?? "", printed);
  } finally {
    child.stdin.end();
    child.kill("SIGTERM");
    await ended;
  }
}

test("README: every line of the command-line table does what it says", async () => {
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    await mkdir(join(folder, "more"));
    await writeFile(join(folder, "more/plugin.ts"), await blockOf("README.md", "// plugin.ts"));
    const manifest =
      `[plugin]\nname = "more"\nversion = "1.0.0"\nexec = "${RUNTIME}"\nexec_args = ["plugin.ts"]\nexec_file = "plugin.ts"\n`;
    await writeFile(join(folder, "more/goplugin.toml"), manifest);
    const env = { GOPLUGIN_DIR: folder, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
    await withPluginByHand(folder, async (address) => {
      const run = (args: readonly string[], input = ""): Promise<CliRun> => cli(args, { cwd: folder, env, input });
      for (const line of (await commandLines()).filter((each) => each !== "run [NAME…]")) {
        const typed = TYPED[line];
        assert.ok(typed !== undefined, `nothing types "${line}"`);
        const { code, stdout, stderr } = await run(typed.args(address), typed.input);
        assert.match(stdout + stderr, typed.says, line);
        assert.equal(code, typed.code ?? 0, `${line}: ${stderr}`);
      }
      const running = startCli(["run", "upper"], { cwd: folder, env });
      await running.said("ready");
      process.kill(running.pid, "SIGINT");
      assert.equal((await running.done).code, 130);
    });
  });
});

test("README: a plugin that is started by hand says what README shows, and curl gets its answers", { skip: toolSkip("curl") }, async () => {
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    const shown = await blockOf("README.md", "upper 1.0.0");
    const curls = await blockOf("protocol/README.md", "curl http");
    const connect = await blockOf("protocol/README.md", "curl -H");
    const stream = await blockOf("protocol/README.md", "curl -N");
    await withPluginByHand(folder, async (address, printed) => {
      assert.equal(printed.trim(), shown.replaceAll("http://127.0.0.1:41234", address).trim());
      const sh = async (command: string): Promise<string> => {
        const at = command.replaceAll("http://127.0.0.1:41234", address);
        return (await promisify(execFile)("sh", ["-c", at.replaceAll("curl ", "curl -sS ")])).stdout;
      };
      assert.equal(await sh(shown.split("\n")[2] ?? ""), "HELLO");
      const [ping = "", exec = ""] = curls.split("\n");
      assert.deepEqual(JSON.parse(await sh(ping)), { status: "success", data: { response: "pong" } });
      assert.deepEqual(JSON.parse(await sh(exec)), { status: "success", data: { response: "48454c4c4f" } });
      assert.equal(await sh(stream), '{"part":"48454c4c4f"}\n{"end":true}\n');
      const [connectPing = "", connectExec = ""] = connect.split("\n");
      assert.deepEqual(JSON.parse(await sh(connectPing)), { Status: "success", Data: { Response: "pong" } });
      assert.deepEqual(JSON.parse(await sh(connectExec)), { Status: "success", Data: { Response: "48454c4c4f" } });
    });
  });
});
