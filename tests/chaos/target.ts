/**
 * The plugin that is called while it is ill-treated: it echoes, notes each call that it runs, and does to itself what it is told to.
 * Its environment names a folder: `<plugin>.start` there says what goes wrong at its next start, `<plugin>.ran` takes the calls that ran.
 * @module
 */
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, unlinkSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { definePlugin, serve } from "@polyplug/core/plugin";
import { garbleAnswers, openFront } from "./garbage.ts";

const NAME = process.env["POLYPLUG_PLUGIN"];
const FOLDER = process.env["CHAOS_FOLDER"];
const encoder = new TextEncoder();

const target = definePlugin({
  name: "target",
  version: "1.0.0",
  commands: {
    "chaos.echo": (payload, { requestId }) => {
      appendFileSync(`${FOLDER}/${NAME}.ran`, `${requestId}\n`);
      return payload;
    },
    "chaos.pid": () => encoder.encode(String(process.pid)),
    "chaos.exit": () => process.exit(3),
    // The whole thread, so that nothing is answered any more; it costs nothing.
    "chaos.hang": () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      return new Uint8Array(0);
    },
    "chaos.garbage": (payload) => {
      garbleAnswers(payload);
      return new Uint8Array(0);
    },
  },
});

/** What is to go wrong at this start, once. */
function startFault(): readonly string[] {
  try {
    const fault = readFileSync(`${FOLDER}/${NAME}.start`, "utf8").split(" ");
    unlinkSync(`${FOLDER}/${NAME}.start`);
    return fault;
  } catch {
    return [];
  }
}

const port = process.argv[process.argv.indexOf("--port") + 1] ?? "";
const [fault, value = ""] = startFault();
if (fault === "slow") await sleep(Number(value));
if (fault === "exit") process.exit(4);
if (fault === "thief") {
  const thief = new URL("./thief.py", import.meta.url).pathname;
  const child = spawn("python3", [thief, port, value], {
    env: { PATH: process.env["PATH"] ?? "" },
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
}
if (process.env["CHAOS_FRONT"] !== undefined) await openFront(Number(port));
await serve(target, process.env["CHAOS_FRONT"] === undefined ? {} : { port: 0 });
