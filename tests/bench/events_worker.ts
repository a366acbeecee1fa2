/**
 * Runs on one runtime: publishes events that ten plugins get over one wire (`--wire W`), and prints one line of JSON, `Events`.
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type Host, openHost } from "../../host/mod.ts";
import { configOf, keysOf, typescriptPlugin, withFolder } from "../support.ts";
import { ratioOf } from "./ratios.ts";
import { type Events, SUBSCRIBERS } from "./two_way.ts";

const SINGLE = 300;
const ROUNDS = 5;
const BURST = 500;

const encoder = new TextEncoder();
const now = () => encoder.encode(String(performance.timeOrigin + performance.now()));
const delivered = (host: Host) => host.events.subscribers.reduce((sum, each) => sum + each.delivered, 0);

async function until(host: Host, count: number): Promise<void> {
  while (delivered(host) < count) await new Promise((resolve) => setImmediate(resolve));
}

/** Gives the milliseconds from publish to handler of all subscribers since the last time. */
async function lateness(host: Host): Promise<readonly number[]> {
  const asked = Array.from({ length: SUBSCRIBERS }, (_, index) => host.get(`s${index}`).exec("bench.late"));
  return (await Promise.all(asked)).flatMap((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as number[]);
}

async function measure(host: Host): Promise<Events> {
  let published = 0;
  const publish = async () => {
    published += SUBSCRIBERS;
    await host.events.publish("bench.event", now());
  };
  for (let event = 0; event < BURST; event++) await publish(); // To warm up.
  await until(host, published);
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    for (let event = 0; event < BURST; event++) await publish();
    await until(host, published);
    rates.push(1000 * BURST * SUBSCRIBERS / (performance.now() - began));
  }
  await lateness(host);
  for (let event = 0; event < SINGLE; event++) {
    await publish();
    await until(host, published);
  }
  const late = [...await lateness(host)].sort((a, b) => a - b);
  const at = (part: number) => late[Math.floor((late.length - 1) * part)] ?? Number.NaN;
  return { perSecond: ratioOf(rates).median, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function main(wire: string, folder: string): Promise<void> {
  const subscriber = { ...typescriptPlugin("tests/bench/two_way_plugin.ts"), ...keysOf(wire), subscribes: ["bench.#"] };
  const plugins = Object.fromEntries(Array.from({ length: SUBSCRIBERS }, (_, index) => [`s${index}`, subscriber]));
  await using host = await openHost("test", { config: configOf(plugins, folder) });
  await host.startAll();
  process.stdout.write(`${JSON.stringify(await measure(host))}\n`);
}

const { values } = parseArgs({ options: { wire: { type: "string", default: "socket" } } });
await withFolder((folder) => main(values.wire, folder));
