/**
 * Checks that every wire shares: they speak to a `Peer` alone. A wire adds its own under the ids `ping.answer` and `exec.answer`, which
 * say whether answers have the wire's form; what is checked here is what they carry.
 * @module
 */
import type { Check } from "./check.ts";
import { echoes, found, isEcho, responds } from "./expect.ts";
import type { Reply } from "./peer.ts";

const text = new TextEncoder();
const SECTION = 3;
/** What objects have by themselves in JavaScript, Python and Java. */
const INHERITED: readonly string[] = ["constructor", "__proto__", "toString", "__class__", "__init__", "hashCode"];
/** More than 64 KiB, so that who reads once instead of to the end is found; every ten bytes say where they belong. */
const LARGE = text.encode(Array.from({ length: 13_108 }, (_, index) => `${String(index).padStart(9, "0")} `).join(""));
/** What the calls at once carry; small, since it is their number that matters. */
const AT_ONCE = Array.from({ length: 8 }, (_, index) => text.encode(`at once: ${index}`));

/** The first checks: without them no other can be made. */
export const FIRST_CHECKS: readonly Check[] = [
  {
    id: "ping",
    title: "ping is answered",
    level: "core",
    section: SECTION,
    advice:
      "Listen on 127.0.0.1 at the port that you are given and answer ping as often as it is asked; a plugin that serves certain hosts alone is checked with --host NAME, one that speaks gRPC or Connect with that --type",
    run: async ({ peer }) => found(await peer.ping(), "a right answer", responds),
  },
];

/** Whether exec is there at all. */
export const EXEC_CHECKS: readonly Check[] = [
  {
    id: "exec",
    title: "exec is answered",
    level: "core",
    section: SECTION,
    needs: ["ping", "dialect"],
    advice:
      "Answer exec by running the command that the request names, on the connection that it came on, with a content-length that is the number of its bytes",
    run: async ({ peer, echo }) => {
      const reply = await peer.exec(echo, text.encode("Hello"));
      if (responds(reply.outcome)) return undefined;
      const advice = refusalAdvice(reply.outcome, echo);
      return { sent: reply.sent, came: reply.came, expected: "a right answer", ...(advice === undefined ? {} : { advice }) };
    },
  },
];

/** What calls carry. */
export const PAYLOAD_CHECKS: readonly Check[] = [
  {
    id: "exec.echo",
    title: "a command gets the payload that was sent",
    level: "core",
    section: SECTION,
    needs: ["exec.answer"],
    advice:
      "Decode the payload from hex once, hand the bytes to the command, and encode the bytes that it returns once; if the command does not give back its payload, name one that does with --echo COMMAND",
    run: (context) => echoes(context, text.encode("Hello, world")),
  },
  {
    id: "bytes.empty",
    title: "an empty payload comes back empty",
    level: "core",
    section: SECTION,
    needs: ["exec.echo"],
    advice: 'Take an empty payload ("") for one of no bytes, not for a missing one, and answer with an empty response in the same way',
    run: (context) => echoes(context, new Uint8Array(0)),
  },
  {
    id: "bytes.all",
    title: "all 256 values of a byte come back",
    level: "core",
    section: SECTION,
    needs: ["exec.echo"],
    advice: "Keep payloads as bytes from end to end: decoding them as text loses every byte that is not UTF-8",
    run: (context) => echoes(context, Uint8Array.from({ length: 256 }, (_, value) => value)),
  },
  {
    id: "bytes.large",
    title: `a payload of ${Math.floor(LARGE.length / 1024)} KiB comes back`,
    level: "core",
    section: SECTION,
    needs: ["exec.echo"],
    advice: "Read the request's body to its content-length, in a loop: one read gives what has arrived, not all of it",
    run: (context) => echoes(context, LARGE),
  },
  {
    id: "unknown_command",
    title: "a command that is not there is refused",
    level: "core",
    section: SECTION,
    needs: ["exec"],
    advice: "Answer a command that you do not have with an error, never with success",
    run: async ({ peer }) =>
      found(await peer.exec("conform.no_such_command", text.encode("Hello")), "an error answer", ({ kind }) => kind === "refused"),
  },
];

/** What is no name of a command, on the wires that have nothing of their own to say of it. */
export const NAME_CHECKS: readonly Check[] = [
  {
    id: "names.inherited",
    title: "names of the language itself are no commands",
    level: "core",
    section: 9,
    needs: ["unknown_command"],
    advice: "Look a command up in a map of your own commands alone, never among the attributes, methods or inherited members of an object",
    run: async ({ peer }) => {
      for (const name of INHERITED) {
        const finding = found(await peer.exec(name, text.encode("OK")), "an error answer", ({ kind }) => kind === "refused");
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
];

/** The last checks, after all that may have done harm. */
export const LAST_CHECKS: readonly Check[] = [
  {
    id: "calls.at_once",
    title: "calls made at once each get their own answer",
    level: "core",
    section: SECTION,
    needs: ["exec.echo"],
    advice: "Answer calls that are open at once each by itself: keep what belongs to one call in local variables, not in shared ones",
    run: async (context) => {
      const { peer, echo } = context;
      const line = peer.line();
      const call = (payload: Uint8Array) => line.isShared ? line.exec({ command: echo, payload }) : peer.exec(echo, payload);
      const findings = await Promise.all(AT_ONCE.map(async (payload) => isEcho(await call(payload), payload)));
      line.close();
      const wrong = findings.find((each) => each !== undefined);
      return wrong && { ...wrong, sent: `${AT_ONCE.length} calls at once, among them ${wrong.sent}` };
    },
  },
  {
    id: "serving",
    title: "after all that it still answers rightly",
    level: "core",
    section: SECTION,
    needs: ["exec.echo"],
    advice:
      "Leave nothing behind that changes later calls: an earlier request, a wrong one or many at once, has broken something in the plugin",
    run: async (context) => {
      const ping = found(await context.peer.ping(), "a right answer", responds);
      return ping ?? await echoes(context, text.encode("still here"));
    },
  },
];

/** What makes exec answer, when it is there and refuses. */
function refusalAdvice(outcome: Reply["outcome"], echo: string): string | undefined {
  if (outcome.kind !== "refused") return undefined;
  if (outcome.code === "exec.unauthenticated") {
    return "The plugin asks for a token: give the one that it was started with, by --token-file FILE";
  }
  return `The checks need a command that gives back its payload: add "${echo}", or name yours with --echo COMMAND`;
}
