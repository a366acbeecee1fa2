/**
 * `host.settings`: what the application wants its plugins to know, and to hear of when it changes.
 * @module
 */
import type { Bytes } from "../protocol/caller.ts";
import { encodeHex } from "../protocol/hex.ts";
import type { Bus } from "./events/bus.ts";

/** The application's settings for its plugins; held in memory. */
export interface Settings {
  /** The newest; version 0 and no bytes before the first `set`. */
  get(): { readonly version: number; readonly data: Bytes };
  /**
   * Sets them and tells every plugin that subscribes to `polyplug.settings`; of several in a row a slow plugin gets the last.
   * @returns the new version.
   */
  set(data: Uint8Array): Promise<number>;
}

/** The topic of a change. */
export const SETTINGS_TOPIC = "polyplug.settings";

/** Makes them. */
export class HostSettings implements Settings {
  readonly #bus: Bus;
  readonly #plugins: () => Iterable<string>;
  #version = 0;
  #data: Bytes = new Uint8Array(0);

  constructor(bus: Bus, plugins: () => Iterable<string>) {
    this.#bus = bus;
    this.#plugins = plugins;
  }

  get(): { readonly version: number; readonly data: Bytes } {
    return { version: this.#version, data: new Uint8Array(this.#data) };
  }

  // deno-lint-ignore require-await -- a promise, so that settings may be kept one day
  async set(data: Uint8Array): Promise<number> {
    if (!(data instanceof Uint8Array)) throw new TypeError("Settings must be a Uint8Array");
    this.#data = new Uint8Array(data);
    this.#version += 1;
    for (const plugin of this.#plugins()) this.tell(plugin);
    return this.#version;
  }

  /** Tells a plugin the newest, if there are any. */
  tell(plugin: string): void {
    if (this.#version > 0) this.#bus.notifyLatest(plugin, SETTINGS_TOPIC, this.encode());
  }

  /** As plugins get them: JSON with hex. */
  encode(): Bytes {
    return new TextEncoder().encode(JSON.stringify({ version: this.#version, data: encodeHex(this.#data) }));
  }
}
