/**
 * Watches a host find a plugin that is to be checked: takes nothing, gives drivers for the host, and what they have seen: where the plugin
 * answers over its `comm_type`, where it offers the framed socket, and the token that it is trusted with.
 * @module
 */
import { DEFAULT_MAX_PAYLOAD_BYTES, type Driver, type DriverOptions } from "../../protocol/caller.ts";
import { addressFromEndpoint, type Endpoint } from "../../protocol/endpoint.ts";
import { PluginError } from "../../protocol/errors.ts";
import { COMM_TYPES, type ConformTarget, type Wire } from "../conform/conform.ts";
import { lendable } from "../conform/lent_channel.ts";
import { DRIVERS, openSocket } from "../drivers.ts";

/** How long a plugin that offers the framed socket may take to answer over its `comm_type` too. */
const ALONE_MS = 3000;
/** A host that looks for a plugin asks more often than that. */
const SEARCH_GAP_MS = 1000;

/** What is said of a plugin that answers on the framed socket and nowhere else. */
export const SOCKET_ALONE = "It answers on the framed socket alone, which other hosts than polyplug do not know";

/** What was seen, and what sees it. */
export interface Observer {
  readonly drivers: Readonly<Record<string, Driver>>;
  /** Where the plugin that was started last answers: over its `comm_type`, then on the framed socket; one of them may be missing. */
  targets(): readonly [first: ConformTarget, socket?: ConformTarget];
}

/** Makes drivers that note where they are used. Where both can be had, the plugin is called over its `comm_type`. */
export function createObserver(): Observer {
  const seen = new Map<Wire, ConformTarget>();
  let token: string | undefined;
  let [searchedFrom, searchedTo] = [-Infinity, -Infinity];
  const note = (commType: Wire, endpoint: Endpoint, { host, maxPayloadBytes, dialect }: DriverOptions): void => {
    const known = dialect === undefined ? {} : { dialect };
    seen.set(commType, { address: addressFromEndpoint(endpoint), commType, host, maxPayloadBytes, ...known });
  };
  const observed = (wire: Wire, open: Driver): Driver => async (endpoint, options) => {
    const caller = await open(endpoint, options);
    note(wire, endpoint, options);
    const trust = caller.trust?.bind(caller);
    caller.trust = (given) => {
      token = given;
      trust?.(given);
    };
    return caller;
  };
  const socket: Driver = async (endpoint, options) => {
    const now = performance.now();
    if (now - searchedTo > SEARCH_GAP_MS) searchedFrom = now;
    searchedTo = now;
    note("socket", endpoint, options);
    if (now - searchedFrom > ALONE_MS) return await observed("socket", openSocket)(endpoint, options);
    throw new PluginError("caller.refused", "The plugin is first looked for over its comm_type");
  };
  const stdio: Driver = async (endpoint, options) => {
    if (endpoint.kind !== "pipes") return await openOwn("stdio")(endpoint, options);
    const { own, lend } = lendable(endpoint.channel);
    const caller = await observed("stdio", openOwn("stdio"))({ kind: "pipes", channel: own }, options);
    seen.set("stdio", { ...seen.get("stdio") ?? NOWHERE, pipes: lend });
    return caller;
  };
  const own = [...DRIVERS].flatMap(([name, open]) =>
    COMM_TYPES.filter((each) => each === name).map((each) => [name, observed(each, open)])
  );
  const known = (target: ConformTarget): ConformTarget => token === undefined ? target : { ...target, token };
  return {
    drivers: { ...Object.fromEntries(own), stdio, socket },
    targets: () => {
      const offered = seen.get("socket");
      const [first = offered ?? NOWHERE] = COMM_TYPES.flatMap((each) => seen.get(each) ?? []);
      return offered === undefined || offered === first ? [known(first)] : [known(first), known(offered)];
    },
  };
}

function openOwn(name: string): Driver {
  const open = DRIVERS.get(name);
  if (open === undefined) throw new TypeError(`There is no driver "${name}"`);
  return open;
}

const NOWHERE: ConformTarget = { address: "", maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES };
