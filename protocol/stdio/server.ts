/**
 * The plugin's half of stdio: takes this process's stdin and stdout, gives a server on them and the way to the host.
 * @module
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import type { Outside } from "../outward.ts";
import { lostError } from "../call_error.ts";
import type { Server, Service } from "../server.ts";
import { createChannel, type WriteEnd } from "./channel.ts";
import { Session } from "./session.ts";

/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;

/** What the server needs beside its service. */
export interface StdioServerOptions {
  /** What the plugin is called in the host's configuration. */
  readonly name: string;
  readonly maxPayloadBytes: number;
  /** Writes to stdout, which may be another function than `process.stdout.write` by now. */
  readonly write: WriteEnd["write"];
  /** Takes what looks wrong, for the log. */
  readonly onNotice: (message: string) => void;
}

/** A server on the process's own pipes. */
export interface StdioServer extends Server {
  /** Resolves when stdin has ended. */
  readonly ended: Promise<void>;
}

/** Reads stdin from now on; `createService` gets the way to the host. */
export function openStdioServer(options: StdioServerOptions, createService: (host: Outside) => Service): StdioServer {
  const { name, maxPayloadBytes, write, onNotice } = options;
  const { stdin, stdout } = process;
  const output = { on: stdout.on.bind(stdout), write } as WriteEnd;
  const channel = createChannel({ input: stdin, output, later: setImmediate, close: () => {} });
  let session: Session | undefined;
  const asking = () => {
    if (session === undefined) throw new TypeError("A handler cannot run before there is a session");
    return session.asking;
  };
  const host: Outside = {
    takesGiveUp: true,
    ping: async (given = {}) => {
      await asking().ping(given);
      return "pong";
    },
    exec: (command, payload = EMPTY, given = {}) => asking().exec(command, payload, given),
    stream: (command, payload = EMPTY, given = {}) => asking().stream(command, payload, given),
  };
  const service = createService(host);
  const opened = session = new Session(channel, {
    host: name,
    plugin: "host",
    isHost: true,
    maxPayloadBytes,
    service,
    defer: process.nextTick,
    onNotice,
  });
  opened.asking.takesCancel = true;
  return {
    address: "stdio",
    ended: opened.ended,
    async close() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([opened.written(), new Promise((resolve) => timer = setTimeout(resolve, FLUSH_MS))]);
      clearTimeout(timer);
      opened.close(lostError("the plugin is ending"));
    },
  };
}

const EMPTY = new Uint8Array(0);
