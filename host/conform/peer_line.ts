/**
 * `Line` for any wire: takes a connection that carries the wire's own requests, and how pings, calls and answers are written there.
 * @module
 */
import type { Call, Line, Reply } from "./peer.ts";

/** A connection that carries requests `Q` and gives exchanges `X`. */
export interface WireLine<Q, X> {
  readonly isShared: boolean;
  open(): Promise<void>;
  ask(request: Q): Promise<X>;
  begin(request: Q): Promise<X>;
  finish(request: Q): Promise<X>;
  giveUp(request: Q): Promise<void>;
  close(): void;
}

/** How a wire writes and reads. */
export interface WireForm<Q, X> {
  ping(): Q;
  exec(call: Call): Q;
  pingReply(exchange: X): Reply;
  execReply(exchange: X): Reply;
}

/** Makes the line that checks use. */
export function lineFrom<Q, X extends { readonly sent: string }>(line: WireLine<Q, X>, form: WireForm<Q, X>): Line {
  return {
    isShared: line.isShared,
    open: () => line.open(),
    ping: async () => form.pingReply(await line.ask(form.ping())),
    exec: async (call) => form.execReply(await line.ask(form.exec(call))),
    begin: async (call) => (await line.begin(form.exec(call))).sent,
    finish: async (call) => form.execReply(await line.finish(form.exec(call))),
    giveUp: (call) => line.giveUp(form.exec(call)),
    close: () => line.close(),
  };
}
