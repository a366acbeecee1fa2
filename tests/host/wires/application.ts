/**
 * An application: opens the host `test` of the configuration that its argument names, gives one call up, makes another, and closes.
 * @module
 */
import process from "node:process";
import { openHost } from "@polyplug/core/host";

const host = await openHost("test", { config: process.argv[2] ?? "" });
const handle = host.get("workbench");
await handle.ping();
const aborted = handle.exec("test.hang", undefined, { signal: AbortSignal.timeout(50), timeoutMs: Infinity });
const code = await aborted.then(() => "answered", (error) => error.code);
const answer = await handle.exec("test.echo", new TextEncoder().encode("hello"));
await host.close();
console.log(code, new TextDecoder().decode(answer));
