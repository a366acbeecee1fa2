/**
 * The plugins' way back to their host: opens with the first grant, on loopback as REST and on a framed socket, and tells by its token
 * which launch of which plugin calls.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import type { DispatchRequest } from "../../protocol/dispatch.ts";
import { PluginError, refusal } from "../../protocol/errors.ts";
import { HEADERS } from "../../protocol/headers.ts";
import { failedStream } from "../../protocol/part_reader.ts";
import { createToken } from "../../protocol/proof.ts";
import type { Runner, Server, Service } from "../../protocol/server.ts";
import { VARIABLES } from "../../protocol/environment.ts";
import type { PluginSpec } from "../discover.ts";
import type { Guardian } from "../process/guardian.ts";
import { STDIO } from "../drivers.ts";
import { grantsAnything } from "./grants.ts";

/** What one launch gets, and how it ends. */
export interface Pass {
  /** What the plugin's environment has of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs the calls that the plugin makes over its own pipes; absent where it has an address to call. */
  readonly runner?: Runner;
  /** Calls with its token are refused from now on. */
  revoke(): void;
}

/** What the back-channel needs. */
export interface BackChannelOptions {
  /** Makes what runs a plugin's calls. */
  readonly runnerOf: (plugin: string) => Runner;
  /** Removes the socket when the host cannot. */
  readonly guardian: Guardian;
  /** Hears of a call without a right token. */
  readonly onStranger: (error: PluginError) => void;
}

const BEARER = "Bearer ";

interface Open {
  readonly rest: Server;
  /** Where there is no place for a socket, REST alone is offered. */
  readonly socket: Server | undefined;
}

/** The back-channel of one host. */
export class BackChannel {
  readonly #options: BackChannelOptions;
  readonly #runners = new Map<string, Runner>();
  readonly #service: Service;
  #opening: Promise<Open> | undefined;

  /** `maxPayloadBytes` is that of the plugin with the largest. */
  constructor(maxPayloadBytes: number, options: BackChannelOptions) {
    this.#options = options;
    const admit: Service["admit"] = (header) => {
      const given = header(HEADERS.authorization) ?? "";
      const runner = given.startsWith(BEARER) ? this.#runners.get(given.slice(BEARER.length)) : undefined;
      if (runner !== undefined) return runner;
      const error = noToken();
      this.#options.onStranger(error);
      throw error;
    };
    this.#service = {
      isHost: true,
      features: ["cancel", "raw", "stream"],
      draining: false,
      maxPayloadBytes,
      greet: (header) => void admit(header),
      admit,
      prove: () => Promise.resolve(undefined),
    };
  }

  /**
   * Lets a launch in; `undefined` for a plugin that is granted nothing.
   * @throws {PluginError} "host.no_back_channel" when nothing can be opened.
   */
  async issue({ name, commType, grants }: PluginSpec): Promise<Pass | undefined> {
    if (commType === STDIO) return this.#overPipes(name);
    if (!grantsAnything(grants)) return undefined;
    const { rest, socket } = await (this.#opening ??= this.#open());
    const token = createToken();
    const pass = new PassRunner(this.#options.runnerOf(name));
    this.#runners.set(token, pass);
    return {
      environment: {
        [VARIABLES.hostUrl]: rest.address,
        [VARIABLES.hostToken]: token,
        ...(socket === undefined ? {} : { [VARIABLES.hostSocket]: socket.address }),
      },
      revoke: () => {
        pass.revoked = true;
        this.#runners.delete(token);
      },
    };
  }

  /** A plugin that is called over its pipes has its way back there, and is told on each call what it is not granted. */
  #overPipes(name: string): Pass {
    const runner = new PassRunner(this.#options.runnerOf(name));
    return { environment: {}, runner, revoke: () => runner.revoked = true };
  }

  async close(): Promise<void> {
    const open = await this.#opening?.catch(() => undefined); // Whoever asked for it has been told.
    await Promise.all([open?.rest.close(), open?.socket?.close()]);
    if (open?.socket !== undefined) this.#options.guardian.remove(`socket ${pathOf(open.socket)}`);
  }

  async #open(): Promise<Open> {
    const [{ openRestServer }, { openSocketServer }] = await Promise.all([
      import("../../protocol/rest/server.ts"),
      import("../../protocol/socket/server.ts"),
    ]);
    const options = Object.assign(this.#service, { dialect: "seed", listen: "127.0.0.1", port: 0 } as const);
    const rest = await openRestServer(options).catch((error) => {
      this.#opening = undefined;
      throw new PluginError("host.no_back_channel", "The host cannot listen on a loopback port for its plugins", { cause: error });
    });
    const socket = await openSocketServer(this.#service).catch(() => undefined);
    if (socket !== undefined) await this.#options.guardian.add(`socket ${pathOf(socket)}`);
    return { rest, socket };
  }
}

/** What runs the calls of one launch, until it ends: connections that are open then do no more either. */
class PassRunner implements Runner {
  revoked = false;
  readonly #runner: Runner;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  exec(request: DispatchRequest): Promise<Bytes> {
    return this.revoked ? Promise.reject(noToken()) : this.#runner.exec(request);
  }

  stream(request: DispatchRequest): AsyncIterable<Bytes> {
    return this.revoked ? failedStream(noToken()) : this.#runner.stream(request);
  }

  refused(error: PluginError): void {
    this.#runner.refused?.(error);
  }
}

function noToken(): PluginError {
  return refusal("exec.unauthenticated", "The call does not carry the token of a launch that runs");
}

function pathOf({ address }: Server): string {
  return address.slice("unix:".length);
}
