/**
 * The hello plugin in TypeScript; Deno, Bun and Node run the same file: `deno run -A plugin.ts`, `bun plugin.ts`, `node plugin.ts`.
 * @module
 */
import { definePlugin, PluginError, serve } from "@polyplug/core/plugin";

const text = new TextEncoder();

/** Says hello, echoes, fails when asked to, and hashes. */
export const hello = definePlugin({
  name: "hello",
  version: "1.0.0",
  commands: {
    "hello.echo": (bytes) => bytes,
    "hello.world": () => text.encode("Hello, world!"),
    "hello.fail": (bytes) => {
      throw new PluginError("hello.refused", `You asked me to fail: ${new TextDecoder().decode(bytes)}`);
    },
    "test.sha256": async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
  },
});

if (import.meta.main) await serve(hello);
