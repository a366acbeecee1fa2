/**
 * The checks of level `full` that only stdio has: what ping says of the plugin, codes, lines that are wrong, cancel; and how it ends.
 * @module
 */
import type { Check } from "./check.ts";
import { echoes, found, isRefused } from "./expect.ts";
import { KNOWN_FEATURES } from "./identity_checks.ts";
import { isRecord, resultOf, type StdioPeer } from "./stdio_peer.ts";

const FULL = { level: "full", section: 5 } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");
const GIVEN_UP = 8;
/** What a line may have beside its payload. */
const AROUND_BYTES = 64 * 1024;

/** What it says of itself. */
export const IDENTITY_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...FULL,
    id: "identity",
    title: "ping says the version of the contract, and the features",
    needs: ["ping.answer"],
    advice: `Answer ping with {"response":"pong","polyplug":1,"features":[…]}; features that are known are ${KNOWN_FEATURES.join(", ")}`,
    run: async ({ peer }) => {
      const { sent, came, answer } = await peer.ask({ method: "ping" });
      const result = resultOf(answer);
      const { polyplug, features } = isRecord(result) ? result : {};
      const isRight = polyplug === 1 && Array.isArray(features) && features.every((each) => KNOWN_FEATURES.includes(String(each)));
      return isRight ? undefined : { sent, expected: `"polyplug":1 and features of ${KNOWN_FEATURES.join(", ")}`, came };
    },
  },
];

/** What errors carry, and what is no call at all. */
export const BAD_LINE_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...FULL,
    id: "error.code",
    title: "errors carry the contract's code",
    needs: ["unknown_command", "bad.params", "method.unknown"],
    advice: 'Put the code of section 3 into the error: "error":{"code":-32601,"message":"…","data":{"code":"exec.unknown_command"}}',
    run: async ({ peer, echo }) => {
      const missing = await peer.exec("conform.no_such_command", OK);
      const method = peer.replyTo(await peer.ask({ method: "conform.no_such_method" }));
      const bad = peer.replyTo(await peer.ask({ method: "exec", params: { command: echo, payload: "zz" } }));
      return isRefused(peer, missing, "exec.unknown_command") ?? isRefused(peer, method, "exec.unknown_command") ??
        isRefused(peer, bad, "exec.bad_request");
    },
  },
  {
    ...FULL,
    id: "bad.line",
    title: "a line that is not JSON-RPC is dropped",
    needs: ["exec.echo", "stdout"],
    advice: "Log a line that is no object of JSON-RPC to stderr, do not answer it, and read the next one",
    run: async (context) => {
      const { peer } = context;
      const before = peer.pipe.strays.length;
      await peer.tell(
        'not JSON\n[]\n17\n{"jsonrpc":"2.0"\n\n{"id":2000000}\n{"jsonrpc":"2.0","method":"$/unknown"}\n',
        "lines that are not JSON-RPC",
      );
      const wrong = await echoes(context, OK);
      if (wrong !== undefined) return { ...wrong, sent: `lines that are not JSON-RPC, then ${wrong.sent}` };
      const stray = peer.pipe.strays[before];
      return stray === undefined ? undefined : { sent: "lines that are not JSON-RPC", expected: "no answer to them", came: stray };
    },
  },
  {
    ...FULL,
    id: "bad.long",
    title: "a line over the limit is dropped to its newline",
    needs: ["bad.line"],
    advice: "Do not keep a line of more than twice the limit and 64 KiB: pass over it, to its newline, and read the next one",
    run: async (context) => {
      const line = "x".repeat(2 * context.maxPayloadBytes + AROUND_BYTES + 1);
      await context.peer.tell(`${line}\n`, "a line over the limit");
      const wrong = await echoes(context, OK);
      return wrong && { ...wrong, sent: `a line over the limit, then ${wrong.sent}` };
    },
  },
];

/** Calls that are given up. */
export const CANCEL_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...FULL,
    feature: "cancel",
    id: "cancel",
    title: "a call that is given up is answered once, and others not at all",
    needs: ["exec.echo"],
    advice: "Answer a call that $/cancel names once: with exec.cancelled, unless its answer has left already; leave all other calls alone",
    run: async (context) => {
      const { peer, echo } = context;
      const given = await Promise.all(Array.from({ length: GIVEN_UP }, () => peer.giveUp({ command: echo, payload: OK })));
      const wrong = given.map((each) =>
        found(
          peer.replyTo(each),
          "its answer, or exec.cancelled",
          (outcome) => outcome.kind === "answered" || (outcome.kind === "refused" && outcome.code === "exec.cancelled"),
        )
      ).find((each) => each !== undefined);
      return wrong ?? await echoes(context, OK);
    },
  },
];

/** How it ends without being asked; for a plugin that can be asked, that has been done before. */
export const END_CHECKS: readonly Check<StdioPeer>[] = [
  {
    level: "core",
    section: 7,
    id: "stdin.end",
    ends: true,
    title: "it ends when its stdin ends",
    needs: ["ping"],
    advice: "Exit when stdin ends: the host has closed it, or has died",
    run: async ({ peer }) => {
      if (peer.pipe.hasEnded) return { skip: "the plugin has ended already" };
      await peer.pipe.closeStdin();
      return await peer.ended() ? undefined : { sent: "the end of stdin", expected: "the plugin's end", came: "it still has stdout open" };
    },
  },
];
