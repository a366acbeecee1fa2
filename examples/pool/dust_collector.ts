/**
 * The dust collector: merges small items into whole ones. A plugin of the pool's own, which runs within it.
 *
 * It keeps nothing: at each tick it asks the pool what is open, so that nothing is forgotten whatever is killed when.
 * @module
 */
import { definePlugin, type PluginContext } from "@polyplug/core/plugin";
import * as v from "valibot";

/** So much dust makes one item. */
const AT_ONCE = 10;
/** Dust that has waited longer is merged with what there is. */
const MOST_WAIT_MS = 1000;

const OPEN = v.array(v.object({ id: v.string(), waitedMs: v.number() }));

/** The plugin, for `builtins` of the pool's host. */
export const dustCollector = definePlugin({
  name: "dust_collector",
  version: "1.0.0",
  description: "Merges small items into whole ones",
  commands: {},
  tick: { everyMs: 100, run: collect },
});

/** Merges until too little is left. */
async function collect(ctx: PluginContext): Promise<void> {
  while (true) {
    const dust = v.parse(OPEN, await ask(ctx, "pool.open", { kind: "dust", limit: AT_ONCE }));
    const longestMs = dust[0]?.waitedMs ?? 0;
    if (dust.length < AT_ONCE && longestMs < MOST_WAIT_MS) return;
    await ask(ctx, "pool.merge", { ids: dust.map(({ id }) => id) });
  }
}

async function ask(ctx: PluginContext, service: string, input: unknown): Promise<unknown> {
  const answer = await ctx.host.exec(service, new TextEncoder().encode(JSON.stringify(input)));
  return JSON.parse(new TextDecoder().decode(answer));
}
