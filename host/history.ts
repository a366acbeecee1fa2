/**
 * What a slot remembers of its processes: takes their beginnings and ends, gives what an operator sees of them.
 * @module
 */
import { INFO } from "../protocol/reserved.ts";
import type { Launch } from "./launch.ts";
import type { PluginExit } from "./process/spawn.ts";

/** The past of one plugin. */
export class History {
  /** How the last process ended. */
  lastExit: PluginExit | undefined;
  /** How often it was started again after it ended by itself. */
  restarts = 0;
  /** The version that the last process said it is. */
  version: string | undefined;
  #diedSinceStart = false;

  /** A process is ready. */
  began(launch: Launch): void {
    if (this.#diedSinceStart) this.restarts += 1;
    this.#diedSinceStart = false;
    // One that somebody else runs is asked nothing that nobody asked for: a second connection to it may outlive it.
    const isOurs = launch.pid !== undefined || launch.endpoint === undefined;
    if (isOurs && launch.features.includes("info")) void this.#askVersion(launch);
  }

  /** A process has ended, by itself or because it was let go of. */
  ended(exit: PluginExit, { byItself }: { readonly byItself: boolean }): void {
    this.lastExit = exit;
    this.#diedSinceStart ||= byItself;
  }

  async #askVersion(launch: Launch): Promise<void> {
    try {
      const { version } = JSON.parse(new TextDecoder().decode(await launch.ask(INFO, {})));
      if (typeof version === "string") this.version = version;
    } catch {
      // Then nobody knows the version; whether the plugin is well others ask.
    }
  }
}
