/**
 * What a worker runs: takes the URL of a module, finds the plugin that it exports, and answers the host's calls on the port. The entry is
 * ours since `import.meta.main` is true in a worker's entry, where a plugin would begin to serve.
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { createDispatcher, type Dispatcher } from "../../protocol/dispatch.ts";
import { messageOf, refusal } from "../../protocol/errors.ts";
import type { Plugin } from "../../protocol/plugin.ts";
import { isPlugin } from "./is_plugin.ts";
import { type Message, PortLine } from "./port_line.ts";
import type { WorkerTask } from "./worker.ts";

const task: WorkerTask = workerData;
/**
 * `import()`, in words that a registry does not try to rewrite: JSR's would warn of every import whose address is not in the source.
 * The address is a whole URL and the application's own.
 */
const load: (url: string) => Promise<Readonly<Record<string, unknown>>> = new Function("url", "return import(url)") as never;

await main();

function post(message: Message, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

async function main(): Promise<void> {
  let plugin: Plugin;
  try {
    plugin = findPlugin(await load(task.module));
  } catch (error) {
    return post({ kind: "failed", code: "spawn.not_executable", message: `its module ${task.module} cannot be used: ${messageOf(error)}` });
  }
  const line: PortLine = new PortLine({
    plugin: "host",
    isHost: true,
    from: task.plugin,
    maxPayloadBytes: task.maxPayloadBytes,
    runner: { exec: (request) => dispatcher.exec(request), stream: (request) => dispatcher.stream(request) },
    post,
  });
  const dispatcher: Dispatcher = createDispatcher(plugin, {
    onShutdown: () => void dispatcher.drain().then(() => post({ kind: "drained" })),
    outside: line,
    log: (level, message, values = {}) => post({ kind: "log", level, message, values: jsonOf(values) }),
  });
  parentPort?.on("message", (message: Message) => line.read(message));
  post({ kind: "ready", features: dispatcher.features, hosts: plugin.hosts ?? [] });
}

/** The module's one export that is a plugin. */
function findPlugin(module: Readonly<Record<string, unknown>>): Plugin {
  const found = new Map(Object.entries(module).flatMap(([name, value]) => isPlugin(value) ? [[value, name] as const] : []));
  const [plugin] = found.keys();
  if (found.size === 1 && plugin !== undefined) return plugin;
  const names = (found.size === 0 ? Object.keys(module) : [...found.values()]).join(", ") || "nothing";
  throw refusal(
    "exec.failed",
    found.size === 0 ? `it exports no plugin, but ${names}` : `it exports several plugins, ${names}; export one of them alone`,
  );
}

/** The values of a record; one that JSON cannot hold is written as text. */
function jsonOf(values: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(values, (_key, value) => typeof value === "bigint" ? String(value) : value);
  } catch {
    return "{}"; // A value refers to itself, or throws when it is read.
  }
}
