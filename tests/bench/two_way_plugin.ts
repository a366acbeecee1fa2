/**
 * A plugin of the benchmarks that calls back: a service of the host, another plugin; and takes events, noting how late each came.
 * @module
 */
import { definePlugin, serve } from "@polyplug/core/plugin";

const lateMs: number[] = [];
const decoder = new TextDecoder();

export const twoWay = definePlugin({
  name: "two_way",
  version: "1.0.0",
  commands: {
    "hello.echo": (payload) => payload,
    "bench.service": (payload, ctx) => ctx.host.exec("bench.echo", payload),
    "bench.plugin": (payload, ctx) => ctx.plugin("other").exec("hello.echo", payload),
    // How late the events were since it was last asked, in milliseconds.
    "bench.late": () => new TextEncoder().encode(JSON.stringify(lateMs.splice(0))),
  },
  on: { "bench.#": (event) => void lateMs.push(performance.timeOrigin + performance.now() - Number(decoder.decode(event.data))) },
});

if (import.meta.main) await serve(twoWay);
