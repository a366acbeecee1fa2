/**
 * The checks of level `full` about what a plugin lists beside raw bytes: cancel, info, shutdown.
 * @module
 */
import * as v from "valibot";
import { INFO, SHUTDOWN } from "../../protocol/reserved.ts";
import { HEADERS } from "../../protocol/headers.ts";
import { encodeExecRequest } from "../../protocol/rest/wire.ts";
import type { Check, CheckContext, Finding, NotApplicable } from "./check.ts";
import { echoes } from "./call_checks.ts";
import { visible } from "./evidence.ts";
import { decodeHex } from "../../protocol/hex.ts";
import { accepted, echoCall, expecting, refusedWith, response, unmet } from "./rest_expect.ts";
import { responseOf, type RestPeer } from "./rest_peer.ts";

const INFO_FEATURE = { level: "full", section: 6, feature: "info", needs: ["exec.answer", "bytes.empty"] } as const;
const GIVEN_UP = 8;

const info = v.object({
  name: v.pipe(v.string(), v.nonEmpty()),
  version: v.pipe(v.string(), v.nonEmpty()),
  description: v.optional(v.string()),
  commands: v.array(v.object({ name: v.pipe(v.string(), v.nonEmpty()), description: v.optional(v.string()) })),
  subscribes: v.array(v.string()),
  hosts: v.array(v.string()),
  api: v.optional(v.string()),
});

/** Sections 3 and 6, but what ends the plugin. */
export const FEATURE_CHECKS: readonly Check<RestPeer>[] = [
  {
    // Whether the handler's own signal fires cannot be seen from outside; that other calls do not feel it can.
    level: "full",
    section: 3,
    feature: "cancel",
    id: "cancel",
    title: "giving calls up leaves the other calls alone",
    needs: ["connections.held", "connections.dropped", "bytes.large"],
    advice: "When a connection closes, cancel the call that came on it and no other: give each call a signal of its own",
    run: async (context) => {
      const { peer } = context;
      const open = peer.line();
      try {
        const first = await open.sendHalf("first", echoCall(context));
        await Promise.all(Array.from({ length: GIVEN_UP }, () => giveUp(context)));
        const other = await echoes(context, new TextEncoder().encode("OK"));
        if (other !== undefined) return { ...other, sent: `${GIVEN_UP} calls whose connection was closed, then ${other.sent}` };
        const finding = unmet(await open.sendHalf("second", echoCall(context)), response("4f4b", "any case"));
        return finding && { ...finding, sent: `${first.sent}; ${GIVEN_UP} other calls whose connection was closed; ${finding.sent}` };
      } finally {
        open.close();
      }
    },
  },
  {
    ...INFO_FEATURE,
    id: "info",
    title: "polyplug.info says what the plugin is",
    advice:
      'Answer polyplug.info with JSON, in hex like every answer: {"name":"…","version":"…","commands":[{"name":"…"}],"subscribes":[],"hosts":[]}',
    run: async ({ peer }) => (await readInfo(peer)).finding,
  },
  {
    ...INFO_FEATURE,
    id: "info.commands",
    title: "polyplug.info lists the commands that it has",
    needs: ["info"],
    advice: "List every command that can be called in polyplug.info, by the name that it is called by",
    run: async ({ peer, echo }) => {
      const { sent, came, value } = await readInfo(peer);
      if (value?.commands.some(({ name }) => name === echo) === true) return undefined;
      return { sent, expected: `"${visible(echo)}" among the commands`, came };
    },
  },
  {
    ...INFO_FEATURE,
    id: "forbidden.x_host",
    section: 3,
    title: "hosts that are not on its list are refused",
    needs: ["info"],
    advice: "Answer a call or ping whose X-Host is not on the list that polyplug.info gives as hosts with the status 403",
    run: refusesStrangers,
  },
];

/** Section 7: the plugin ends. */
export const SHUTDOWN_CHECKS: readonly Check<RestPeer>[] = [
  {
    level: "full",
    section: 7,
    feature: "shutdown",
    ends: true,
    id: "shutdown",
    title: "polyplug.shutdown ends the plugin",
    needs: ["serving", "bytes.empty"],
    advice: "Answer polyplug.shutdown with an empty response at once, then finish the open calls and exit",
    run: async ({ peer }) => {
      const exchange = await peer.send(peer.execRequest(encodeExecRequest(SHUTDOWN, new Uint8Array(0))));
      const finding = unmet(exchange, response(""));
      if (finding !== undefined) return finding;
      if (await peer.ended()) return undefined;
      return { sent: exchange.sent, expected: "the plugin to exit", came: `${exchange.came}, and the plugin runs on` };
    },
  },
];

/** Sends a whole call and closes its connection before the answer can be read. */
async function giveUp(context: CheckContext<RestPeer>): Promise<void> {
  const line = context.peer.line();
  await line.sendOnly(echoCall(context));
  line.close();
}

interface InfoReading {
  readonly sent: string;
  readonly came: string;
  readonly value?: v.InferOutput<typeof info>;
  readonly finding?: Finding;
}

async function readInfo(peer: RestPeer): Promise<InfoReading> {
  const { sent, came, answer } = await peer.send(peer.execRequest(encodeExecRequest(INFO, new Uint8Array(0))));
  const bytes = answer !== undefined && accepted.holds(answer) ? decodeHex(responseOf(answer) ?? "?") : undefined;
  if (bytes === undefined) return { sent, came, finding: { sent, came, expected: "status 202 and a response in hex" } };
  const text = new TextDecoder().decode(bytes);
  const parsed = v.safeParse(info, parseJson(text));
  if (parsed.success) return { sent, came: visible(text), value: parsed.output };
  const issue = parsed.issues[0];
  const expected = `JSON in which ${v.getDotPath(issue) ?? "the whole"} is right (${visible(issue.message)})`;
  return { sent, came: visible(text), finding: { sent, expected, came: visible(text) } };
}

async function refusesStrangers(context: CheckContext<RestPeer>): Promise<Finding | NotApplicable | undefined> {
  const { peer } = context;
  const { value } = await readInfo(peer);
  if ((value?.hosts.length ?? 0) === 0) return { skip: "the plugin lists no hosts, so every host may call it" };
  const stranger = { [HEADERS.host]: "a-stranger" };
  const forbidden = refusedWith(403, "exec.forbidden");
  const { body = "" } = echoCall(context);
  return await expecting(peer, peer.execRequest(body, stranger), forbidden) ?? await expecting(peer, peer.pingRequest(stranger), forbidden);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // JSON has no undefined, so the schema refuses it.
  }
}
