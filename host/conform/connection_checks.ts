/**
 * The checks of level `core` about connections, on every wire: several held open, one used again, one that ends too early.
 * @module
 */
import type { Check } from "./check.ts";
import { echoes, isEcho } from "./expect.ts";

const CORE = { level: "core", section: 3, needs: ["exec.echo"] } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");
/** Enough calls on one connection to see that answers follow one another without bytes between them. */
const CALLS_ON_ONE = 3;

/** Checks of connections, in the order in which they are made. */
export const CONNECTION_CHECKS: readonly Check[] = [
  {
    ...CORE,
    id: "connections.held",
    title: "connections held open do not block others",
    advice: "Serve each connection in its own thread or task: hosts hold several open, and one that is silent must not block the others",
    run: async (context) => {
      const { peer, echo } = context;
      const call = { command: echo, payload: OK };
      const [used, silent] = [peer.line(), peer.line()];
      try {
        await used.ping();
        if (used.isShared) await used.begin(call);
        await silent.open();
        const blocked = await echoes(context, OK);
        if (blocked !== undefined) return { ...blocked, sent: `with two other connections held open, ${blocked.sent}` };
        const later = isEcho(await silent.exec(call), OK);
        return later && { ...later, sent: `on the second of two connections held open, ${later.sent}` };
      } finally {
        used.close();
        silent.close();
      }
    },
  },
  {
    ...CORE,
    id: "connections.reused",
    title: "a connection takes another call, or says no",
    advice:
      "Keep the connection open after an answer, or send the header `connection: close` with it, and give each answer a content-length that is the number of its bytes",
    run: async ({ peer, echo }) => {
      const line = peer.line();
      try {
        for (let number = 1; number <= CALLS_ON_ONE; number++) {
          const reply = await line.exec({ command: echo, payload: OK });
          const finding = isEcho(reply, OK);
          if (finding !== undefined) return { ...finding, sent: `as call ${number} on one connection, ${finding.sent}` };
          if (reply.last) return undefined;
        }
        return undefined;
      } finally {
        line.close();
      }
    },
  },
  {
    ...CORE,
    id: "connections.dropped",
    title: "a connection that ends too early does no harm",
    advice: "Take a connection that closes in the middle of a request, or before it gets its answer, for the end of that call alone",
    run: async (context) => {
      const { peer, echo } = context;
      const call = { command: echo, payload: OK };
      const half = peer.line();
      const sent = await half.begin(call);
      half.close();
      const whole = peer.line();
      await whole.giveUp(call);
      whole.close();
      const after = await echoes(context, OK);
      return after && { ...after, sent: `${sent}, then the connection was closed; on a new one ${after.sent}` };
    },
  },
];
