/**
 * A REST server within the test, for tests that send it requests as bytes.
 * @module
 */
import { createDispatcher, type Dispatcher } from "../../../protocol/dispatch.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { openRestServer } from "../../../protocol/rest/server.ts";
import type { ServerOptions } from "../../../protocol/server.ts";

/** What a test may ask of it. */
export interface Served {
  readonly port: number;
  readonly dispatcher: Dispatcher;
}

/** Serves these commands on a free port, hands the server to `use`, and closes it. */
export async function withServer<T>(
  commands: Commands,
  use: (served: Served) => Promise<T>,
  options: Partial<ServerOptions> = {},
): Promise<T> {
  const dispatcher = createDispatcher({ name: "unit", version: "1.0.0", commands }, () => {});
  const given: ServerOptions = {
    dispatcher,
    hosts: [],
    token: undefined,
    maxPayloadBytes: 1024,
    dialect: "seed",
    listen: "127.0.0.1",
    port: 0,
    ...options,
  };
  const server = await openRestServer(given);
  try {
    return await use({ port: Number(new URL(server.address).port), dispatcher });
  } finally {
    await server.close();
  }
}
