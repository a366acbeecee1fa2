/**
 * What answers the framework's own commands in a plugin: takes a `Plugin`, gives handlers by name.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { decodeEvent, type PluginEvent } from "./event.ts";
import { infoFromPlugin, type Plugin, type PluginContext, type RawHandler } from "./plugin.ts";
import { EVENT, HEALTH, INFO, INIT, SHUTDOWN } from "./reserved.ts";
import type { Surroundings } from "./run.ts";
import { matchesTopic } from "./topics.ts";

/** Makes the handlers; `onShutdown` is called when the host asks the plugin to end. */
export function reservedHandlers(plugin: Plugin, surroundings: Surroundings, onShutdown: () => void): ReadonlyMap<string, RawHandler> {
  const init: RawHandler = async (payload, ctx) => {
    surroundings.config = payload;
    await plugin.init?.(payload, ctx);
    return NOTHING;
  };
  const shutdown: RawHandler = () => {
    onShutdown();
    return NOTHING;
  };
  // JavaScript may give nothing.
  const tellHealth: RawHandler = async (_payload, ctx) => json(await plugin.health?.(ctx) ?? {});
  let info: Promise<Bytes> | undefined; // Made when somebody asks: schemas take time to convert.
  const tellInfo: RawHandler = () => info ??= infoFromPlugin(plugin).then(json);
  return new Map([
    [INFO, tellInfo],
    [INIT, init],
    [SHUTDOWN, shutdown],
    ...(plugin.health === undefined ? [] : [[HEALTH, tellHealth] as const]),
    ...(takesEvents(plugin) ? [[EVENT, eventHandler(plugin)] as const] : []),
  ]);
}

/** Whether it listens to events. */
export function takesEvents({ on, tick }: Plugin): boolean {
  return on !== undefined || tick !== undefined;
}

/**
 * The answer is the acknowledgement, so it waits for every handler whose pattern fits. An event that comes again because that took longer
 * than the host waits is not handled again, nor is a tick while one is being handled.
 */
function eventHandler({ on = {}, tick }: Plugin): RawHandler {
  const handlers = Object.entries(on);
  const open = new Map<string, Promise<void>>();
  const done = new Set<string>();
  const handle = async (event: PluginEvent, ctx: PluginContext) => {
    if (event.topic === TICK) await tick?.run(ctx);
    for (const [pattern, run] of handlers) if (matchesTopic(pattern, event.topic)) await run(event, ctx);
    done.add(event.id);
    if (done.size > MOST_DONE) { for (const oldest of done) return void done.delete(oldest); }
  };
  return async (payload, ctx) => {
    const event = decodeEvent(payload);
    const key = event.topic === TICK ? TICK : event.id;
    let handled = open.get(key);
    if (handled === undefined && done.has(event.id)) return NOTHING;
    if (handled === undefined) open.set(key, handled = handle(event, ctx).finally(() => open.delete(key)));
    await handled;
    return NOTHING;
  };
}

/** So many of the events handled last are known by their ids. */
const MOST_DONE = 1000;
/** The topic of a tick. */
export const TICK = "polyplug.tick";
const NOTHING: Bytes = new Uint8Array(0);

function json(value: unknown): Bytes {
  return new TextEncoder().encode(JSON.stringify(value));
}
