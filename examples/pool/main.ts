/**
 * The pool example: a host with a built-in plugin, one in Python over stdio and one in Go over REST, and a page that shows what they do.
 * `deno task build:examples` first, for Go; then `deno run -A main.ts`, `bun main.ts` or `node main.ts`, with the port if not any, and
 * another configuration for polyplug.
 *
 *     curl -H 'content-type: application/json' -d '[{"id":"a1","amount":25},{"id":"a2","amount":3}]' http://127.0.0.1:PORT/items
 *     curl http://127.0.0.1:PORT/items/a1
 * @module
 */
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isPluginError } from "@polyplug/core/host";
import { serve } from "srvx";
import { openPool } from "./pool.ts";
import { createWeb } from "./web.ts";

const CONFIG = fileURLToPath(new URL("config.local.toml", import.meta.url));

async function main([port = "0", config = CONFIG]: readonly string[]): Promise<void> {
  const pool = await openPool(join(dirname(config), "state"), {
    config,
    onLog: ({ plugin, level, message }) => process.stderr.write(`${level} ${plugin}: ${message}\n`),
  });
  const server = await serve({
    fetch: createWeb(pool).fetch,
    hostname: "127.0.0.1",
    port: Number(port),
    silent: true,
    gracefulShutdown: false,
  }).ready();
  process.stdout.write(`${new URL(server.url ?? "").origin}\n`);
  const end = async () => {
    await server.close(true);
    await pool.close();
    process.exit();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end());
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!isPluginError(error)) throw error;
  const hint = error.code === "config.not_found" ? "Make it by `deno task build:examples`" : error.hint;
  process.stderr.write(`${error.message}${hint === undefined ? "" : `. ${hint}`}\n`);
  process.exitCode = 1;
}
