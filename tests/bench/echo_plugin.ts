/**
 * The plugin of the benchmarks: it echoes.
 * @module
 */
import { definePlugin, serve } from "@polyplug/core/plugin";

export const echo = definePlugin({ name: "echo", version: "1.0.0", commands: { "hello.echo": (payload) => payload } });

if (import.meta.main) await serve(echo);
