/**
 * The pool: takes a folder for what it keeps and a configuration of plugins, gives items that flow through them.
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, type Commands, type Host, openHost, type OpenHostOptions, PluginError } from "@polyplug/core/host";
import * as v from "valibot";
import { dustCollector } from "./dust_collector.ts";
import { ItemStore } from "./items.ts";

/** A pool that runs. */
export interface Pool {
  readonly host: Host;
  readonly items: ItemStore;
  /** Takes items and tells the plugins of those that are new. */
  submit(items: readonly { readonly id: string; readonly amount: number }[]): Promise<void>;
  /** Stops the plugins; what is open is taken up when the pool is opened again. */
  close(): Promise<void>;
}

/** Opens the pool and starts its plugins. */
export async function openPool(folder: string, options: Pick<OpenHostOptions, "config" | "onLog">): Promise<Pool> {
  const host = await openHost("pool", { ...options, builtins: { dust_collector: dustCollector } });
  try {
    for (const error of host.rejected.values()) throw error; // Nothing would flow without one of them.
    return await startPool(host, folder);
  } catch (error) {
    await host.close();
    throw error;
  }
}

async function startPool(host: Host, folder: string): Promise<Pool> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const items = new ItemStore(join(folder, "items.sqlite"));
  const key = loadKey(join(folder, "key.pem"));
  host.provide("keys", keyCommands(key));
  host.provide("pool", poolCommands(items, createPublicKey(key), host));
  await host.startAll();
  return {
    host,
    items,
    async submit(given) {
      for (const id of items.submit(given)) await publish(host, "item.new", { id });
    },
    async close() {
      await host.close();
      items.close();
    },
  };
}

/** The private key never leaves the pool: plugins get signatures. */
function keyCommands(key: KeyObject): Commands {
  return {
    sign: command({ input: v.object({ text: v.string() }), output: v.object({ signature: v.string() }) }, ({ text }) => ({
      signature: sign(null, new TextEncoder().encode(text), key).toString("hex"),
    })),
  };
}

const IDS = v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(1000));

function poolCommands(items: ItemStore, publicKey: KeyObject, host: Host): Commands {
  const open = v.object({ kind: v.picklist(["dust", "whole"]), limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)) });
  const found = v.array(v.object({ id: v.string(), amount: v.number(), waitedMs: v.number() }));
  return {
    open: command({ input: open, output: found }, ({ kind, limit }) => [...items.open(kind, limit)]),
    merge: command({ input: v.object({ ids: IDS }), output: v.object({ id: v.nullable(v.string()) }) }, async ({ ids }) => {
      const merged = items.merge(ids);
      if (merged !== undefined) await publish(host, "item.merged", { id: merged.id });
      return { id: merged?.id ?? null };
    }),
    commit: command(
      { input: v.object({ ids: IDS, signature: v.string() }), output: v.object({ committed: v.number() }) },
      async ({ ids, signature }) => {
        const isRight = verify(null, new TextEncoder().encode(ids.join("\n")), publicKey, Buffer.from(signature, "hex"));
        if (!isRight) throw new PluginError("pool.bad_signature", "The signature is not the pool's");
        const committed = items.commit(ids, signature);
        for (const id of committed) await publish(host, "item.committed", { id });
        return { committed: committed.length };
      },
    ),
  };
}

async function publish(host: Host, topic: string, data: unknown): Promise<void> {
  await host.events.publish(topic, new TextEncoder().encode(JSON.stringify(data)));
}

function loadKey(path: string): KeyObject {
  if (existsSync(path)) return createPrivateKey(readFileSync(path, "utf8"));
  const { privateKey } = generateKeyPairSync("ed25519");
  // By rename, so that a pool that is killed here leaves no half of a key.
  writeFileSync(`${path}.new`, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return privateKey;
}
