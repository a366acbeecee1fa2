/**
 * A log filter that loses the last event of each batch: the logs example must find out.
 * @module
 */
import { definePlugin, serve } from "../../plugin/mod.ts";
import { logFilter } from "../../examples/logs/filter_twin.ts";
import type { Filtered } from "../../examples/logs/messages.ts";

const liar = definePlugin({
  name: "log-filter",
  version: "1.0.0",
  commands: {
    "plugin.log.filter": async (payload) => {
      const honest = await logFilter.commands["plugin.log.filter"](payload);
      const filtered = JSON.parse(new TextDecoder().decode(honest)) as Filtered;
      return new TextEncoder().encode(JSON.stringify({ ...filtered, events: filtered.events.slice(0, -1) }));
    },
  },
});

if (import.meta.main) await serve(liar);
