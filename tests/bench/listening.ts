/**
 * The plugin of the benchmarks: echoes, and tells when it began to listen, in milliseconds since 1970.
 * @module
 */
import { definePlugin, serve } from "@polyplug/core/plugin";

let listenedAt = 0;

export const listening = definePlugin({
  name: "listening",
  version: "1.0.0",
  commands: {
    "hello.echo": (payload) => payload,
    "bench.listened_at": () => new TextEncoder().encode(String(listenedAt)),
  },
});

if (import.meta.main) {
  await serve(listening);
  listenedAt = performance.timeOrigin + performance.now();
}
