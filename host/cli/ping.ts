/**
 * `polyplug ping`: takes plugins or an address, gives how long each took to answer. What it starts it stops.
 * @module
 */
import type { Host } from "../host.ts";
import { type AtOptions, forbidWithoutAt, identify, withCaller } from "./at.ts";
import { answer, type CliContext, EXIT, tellError, usageError } from "./context.ts";
import { withHost } from "./session.ts";
import { formatTable } from "./table.ts";
import { visible } from "../visible.ts";

/** Pings plugins by name, or the program at an address. */
export async function ping(context: CliContext, names: readonly string[], options: AtOptions): Promise<number> {
  if (options.at !== undefined) {
    if (names.length > 0) throw usageError("ping takes plugins or --at, not both");
    return await pingAddress(context, options);
  }
  if (names.length === 0) throw usageError("ping needs NAME, or --at ADDRESS");
  forbidWithoutAt(options);
  return await withHost(context, (host) => pingPlugins(context, host, [...new Set(names)]));
}

interface Pong {
  readonly plugin: string;
  readonly startMs: number;
  readonly pingMs: number;
}

/** One after the other, so that the times are those of one plugin; one that fails does not keep the others back. */
async function pingPlugins(context: CliContext, host: Host, names: readonly string[]): Promise<number> {
  const { signal } = context.interrupt;
  for (const name of names) host.get(name); // A wrong name is told before anything is started.
  const pongs: Pong[] = [];
  for (const plugin of names) {
    try {
      const [, startMs] = await timed(() => host.start(plugin, { signal }));
      const [, pingMs] = await timed(() => host.get(plugin).ping({ signal }));
      pongs.push({ plugin, startMs, pingMs });
      await host.stop(plugin);
    } catch (error) {
      signal.throwIfAborted();
      tellError(context, error);
    }
  }
  if (pongs.length > 0) {
    answer(context, pongs, () => {
      const rows = pongs.map(({ plugin, startMs, pingMs }) => [plugin, `pong in ${ms(pingMs)}`, `started in ${ms(startMs)}`]);
      return formatTable(rows, { shrink: 0, width: undefined });
    });
  }
  return pongs.length === names.length ? EXIT.done : EXIT.failed;
}

async function pingAddress(context: CliContext, options: AtOptions): Promise<number> {
  const address = options.at ?? "";
  const { identity, pingMs } = await withCaller(context, options, async (reached) => {
    await identify(reached); // The first one pays for the connection.
    const [identity, pingMs] = await timed(() => identify(reached));
    return { identity, pingMs };
  });
  const { protocol, features } = identity;
  answer(context, { address, pingMs, protocol: protocol ?? null, features }, () => {
    const who = protocol === undefined
      ? "It knows nothing of polyplug, so every user of this machine can call it."
      : `It speaks polyplug ${protocol}${features.length === 0 ? "" : `, with ${features.join(", ")}`}.`;
    return [`${visible(address)}  pong in ${ms(pingMs)}`, visible(who)];
  });
  return EXIT.done;
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [result: T, ms: number]> {
  const started = performance.now();
  const result = await work();
  return [result, Math.round((performance.now() - started) * 100) / 100];
}

function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}
