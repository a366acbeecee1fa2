/**
 * Roles: takes the plugins that could play one, gives that which plays it now, and a handle that follows whatever does.
 * @module
 */
import { isBuiltin } from "./builtins/builtin.ts";
import type { PluginHandle } from "./handle.ts";
import { providerFrom } from "./services/registry.ts";
import type { Slot } from "./slot.ts";
import { type PluginState, States } from "./states.ts";

/** A plugin that may play one. */
interface Member {
  readonly slot: Slot;
  readonly handle: PluginHandle;
}

/** The roles of one host; which there are, and who could play them, a reload may change. */
export class Roles {
  readonly #members: ReadonlyMap<string, Member>;
  readonly #handles = new Map<string, PluginHandle>();

  constructor(members: ReadonlyMap<string, Member>) {
    this.#members = members;
  }

  /** The plugin that a name stands for: itself, or that which plays the role of this name. */
  servedBy(name: string): string {
    return this.#members.has(name) ? name : playerOf(this.#players(name))?.spec.name ?? name;
  }

  /** The handle of a role, always the same one; `undefined` when nobody could play it. `current` gives that of a plugin, or throws. */
  handleOf(role: string, current: (plugin: string) => PluginHandle): PluginHandle | undefined {
    if (this.#members.has(role) || this.#players(role).length === 0) return undefined;
    const known = this.#handles.get(role);
    if (known !== undefined) return known;
    const members = [...this.#members.values()].map(({ handle }) => handle);
    const made = createRoleHandle(role, members, () => current(this.servedBy(role)));
    this.#handles.set(role, made);
    return made;
  }

  #players(role: string): readonly Slot[] {
    return [...this.#members.values()].map(({ slot }) => slot).filter(({ spec }) => spec.role === role);
  }
}

/** The active plugin of the configuration, else the built-in, else the one that is not active, which says why. */
function playerOf(players: readonly Slot[]): Slot | undefined {
  const others = players.filter(({ spec }) => !isBuiltin(spec));
  return others.find(({ spec, state }) => !providerFrom(spec, state).isGone) ?? players.find(({ spec }) => isBuiltin(spec)) ?? others[0];
}

/** Makes the handle of a role. A call goes to what plays it when the call is made; `current` throws when nothing does any more. */
function createRoleHandle(role: string, members: readonly PluginHandle[], current: () => PluginHandle): PluginHandle {
  return {
    name: role,
    get state() {
      return current().state;
    },
    states: ({ signal } = {}) => followRole(members, current, signal),
    ready: async (options) => await current().ready(options),
    ping: async (options) => await current().ping(options),
    exec: async (command, payload, options) => await current().exec(command, payload, options),
    stream: (command, payload, options) => ({
      // What plays it when the first part is asked for.
      [Symbol.asyncIterator]: () => current().stream(command, payload, options)[Symbol.asyncIterator](),
    }),
    info: async () => await current().info(),
    supports: async (prefix) => await current().supports(prefix),
  };
}

/** The states of what plays it; where another takes it over, that one's state is the next. */
async function* followRole(
  members: readonly PluginHandle[],
  current: () => PluginHandle,
  signal: AbortSignal | undefined,
): AsyncGenerator<PluginState, void, void> {
  const controller = new AbortController();
  const bound = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
  let last = current().state;
  const states = new States(last);
  const watch = async (handle: PluginHandle) => {
    for await (const own of handle.states({ signal: bound })) {
      const player = current();
      const state = player === handle ? own : player.state;
      if (state !== last) states.set(last = state);
    }
  };
  for (const handle of members) void watch(handle).catch(() => {}); // Nothing plays it any more; a call says so.
  try {
    yield* states.follow(bound);
  } finally {
    controller.abort();
  }
}
