/**
 * The two places where a built-in runs, for tests that are the same in both.
 * @module
 */
import type { Builtin, Host, OpenHostOptions } from "../../../host/mod.ts";
import { agent } from "../../fixtures/agent.ts";
import { resident } from "../../fixtures/resident.ts";
import { streams } from "../../fixtures/streams.ts";
import { workbench } from "../../fixtures/workbench.ts";
import { withHost } from "../../support.ts";

/** Fixtures that any host may have as built-ins. */
const PLUGINS = { agent, resident, streams, workbench };
/** One of them. */
export type Fixture = keyof typeof PLUGINS;

/** A place where a built-in runs. */
export interface Kind {
  /** What its status says. */
  readonly commType: "builtin" | "worker";
  /** A fixture as a built-in of this kind. */
  builtin(fixture: Fixture): Builtin;
}

/** In the host's own thread, and in a worker. */
export const KINDS: readonly Kind[] = [
  { commType: "builtin", builtin: (fixture) => PLUGINS[fixture] },
  { commType: "worker", builtin: (fixture) => ({ worker: new URL(`../../fixtures/${fixture}.ts`, import.meta.url) }) },
];

/** Opens a host with one built-in and, if `table` says something, a table for it. */
export async function withBuiltin<T>(
  { kind, fixture, table }: { readonly kind: Kind; readonly fixture: Fixture; readonly table?: Record<string, unknown> },
  use: (host: Host) => Promise<T>,
  options: Omit<OpenHostOptions, "config" | "builtins"> = {},
): Promise<T> {
  const tables: Record<string, Record<string, unknown>> = table === undefined ? {} : { [fixture]: { comm_type: "builtin", ...table } };
  return await withHost(tables, use, { ...options, builtins: { [fixture]: kind.builtin(fixture) } });
}
