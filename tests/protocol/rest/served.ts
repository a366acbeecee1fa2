/**
 * A REST server within the test, for tests that send it requests as bytes.
 * @module
 */
import type { Dispatcher } from "../../../protocol/dispatch.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { openRestServer } from "../../../protocol/rest/server.ts";
import type { ServerOptions } from "../../../protocol/server.ts";
import { unitService, type UnitServiceOptions } from "../unit.ts";

/** What a test may ask of it. */
export interface Served {
  readonly port: number;
  readonly dispatcher: Dispatcher;
}

/** What a test may set. */
export type ServedOptions = UnitServiceOptions & Partial<Pick<ServerOptions, "dialect" | "listen" | "port">>;

/** Serves these commands on a free port, hands the server to `use`, and closes it. */
export async function withServer<T>(
  commands: Commands,
  use: (served: Served) => Promise<T>,
  options: ServedOptions = {},
): Promise<T> {
  const { dispatcher, service } = unitService(commands, options);
  const { dialect = "seed", listen = "127.0.0.1", port = 0 } = options;
  const server = await openRestServer(Object.assign(service, { dialect, listen, port }));
  try {
    return await use({ port: Number(new URL(server.address).port), dispatcher });
  } finally {
    await server.close();
  }
}
