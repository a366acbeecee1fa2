/**
 * A counter that leaves the number 6 out.
 * @module
 */
import { definePlugin, serve } from "@polyplug/core/plugin";

let count = 0;
const counter = definePlugin({
  name: "counter",
  version: "1.0.0",
  commands: {
    "counter.value": () => new TextEncoder().encode(String(count)),
    "counter.next": () => {
      count += count === 5 ? 2 : 1;
      return new TextEncoder().encode(String(count));
    },
  },
});

await serve(counter);
