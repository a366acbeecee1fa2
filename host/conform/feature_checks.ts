/**
 * The checks of level `full` about what a plugin lists, on every wire: raw bytes, cancel, info, shutdown.
 * @module
 */
import * as v from "valibot";
import { INFO, SHUTDOWN } from "../../protocol/reserved.ts";
import { HEADERS } from "../../protocol/headers.ts";
import type { Check, CheckContext, Finding, NotApplicable } from "./check.ts";
import { visible } from "./evidence.ts";
import { answered, eachRefused, echoes, isEcho } from "./expect.ts";
import type { Line, Peer } from "./peer.ts";

const INFO_FEATURE = { level: "full", section: 6, feature: "info", needs: ["exec.answer", "bytes.empty"] } as const;
const GIVEN_UP = 8;
const OK: Uint8Array = new TextEncoder().encode("OK");
const NOTHING: Uint8Array = new Uint8Array(0);

const RAW = { level: "full", section: 3, feature: "raw", needs: ["exec.status", "bytes.all"] } as const;

const info = v.object({
  name: v.pipe(v.string(), v.nonEmpty()),
  version: v.pipe(v.string(), v.nonEmpty()),
  description: v.optional(v.string()),
  commands: v.array(v.object({ name: v.pipe(v.string(), v.nonEmpty()), description: v.optional(v.string()) })),
  subscribes: v.array(v.string()),
  hosts: v.array(v.string()),
  api: v.optional(v.string()),
});

/** Only for a plugin that lists `raw`. */
export const RAW_CHECKS: readonly Check[] = [
  {
    ...RAW,
    id: "raw",
    title: "a raw call is answered in raw bytes",
    advice:
      "Take the body of an application/octet-stream call as the payload, the command from x-command, and answer 202 with the bytes themselves as application/octet-stream",
    run: ({ peer, echo }) => echoesRaw(peer, echo, Uint8Array.from({ length: 256 }, (_, value) => value)),
  },
  {
    ...RAW,
    id: "raw.empty",
    title: "an empty raw payload comes back empty",
    needs: ["raw", "bytes.empty"],
    advice: "Take an empty body for a payload of no bytes when the content type is application/octet-stream",
    run: ({ peer, echo }) => echoesRaw(peer, echo, NOTHING),
  },
];

/** Calls that are given up, where a call can be sent in two halves while others come and go. */
export const CANCEL_CHECKS: readonly Check[] = [
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
      const { peer, echo } = context;
      const call = { command: echo, payload: OK };
      const open = peer.line();
      try {
        const first = await open.begin(call);
        await Promise.all(Array.from({ length: GIVEN_UP }, () => giveUp(context, open)));
        const other = await echoes(context, OK);
        if (other !== undefined) return { ...other, sent: `${GIVEN_UP} calls that were given up, then ${other.sent}` };
        const finding = isEcho(await open.finish(call), OK);
        return finding && { ...finding, sent: `${first}; ${GIVEN_UP} other calls that were given up; ${finding.sent}` };
      } finally {
        open.close();
      }
    },
  },
];

/** What it says of itself when it is asked. */
export const INFO_CHECKS: readonly Check[] = [
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
export const SHUTDOWN_CHECKS: readonly Check[] = [
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
      const reply = await peer.exec(SHUTDOWN, NOTHING);
      const finding = isEcho(reply, NOTHING);
      if (finding !== undefined) return { ...finding, expected: "an empty response" };
      if (await peer.ended()) return undefined;
      return { sent: reply.sent, expected: "the plugin to exit", came: `${reply.came}, and the plugin runs on` };
    },
  },
];

async function echoesRaw(peer: Peer, command: string, payload: Uint8Array): Promise<Finding | undefined> {
  const finding = isEcho(await peer.exec(command, payload, { raw: true }), payload);
  return finding && { ...finding, expected: `the same ${payload.length} bytes back, raw` };
}

/** Gives a call up: on the open connection where it carries several, else on one of its own. */
async function giveUp({ peer, echo }: CheckContext<Peer>, open: Line): Promise<void> {
  const line = open.isShared ? open : peer.line();
  await line.giveUp({ command: echo, payload: OK });
}

interface InfoReading {
  readonly sent: string;
  readonly came: string;
  readonly value?: v.InferOutput<typeof info>;
  readonly finding?: Finding;
}

async function readInfo(peer: Peer): Promise<InfoReading> {
  const reply = await peer.exec(INFO, NOTHING);
  const { sent, came, outcome } = reply;
  const finding = answered(reply);
  if (finding !== undefined || outcome.kind !== "answered") return { sent, came, ...(finding && { finding }) };
  const text = new TextDecoder().decode(outcome.bytes);
  const parsed = v.safeParse(info, parseJson(text));
  if (parsed.success) return { sent, came: visible(text), value: parsed.output };
  const issue = parsed.issues[0];
  const expected = `JSON in which ${v.getDotPath(issue) ?? "the whole"} is right (${visible(issue.message)})`;
  return { sent, came: visible(text), finding: { sent, expected, came: visible(text) } };
}

async function refusesStrangers(context: CheckContext<Peer>): Promise<Finding | NotApplicable | undefined> {
  const { peer, echo } = context;
  const { value } = await readInfo(peer);
  if ((value?.hosts.length ?? 0) === 0) return { skip: "the plugin lists no hosts, so every host may call it" };
  const headers = { [HEADERS.host]: "a-stranger" };
  return await eachRefused(context, [() => peer.exec(echo, OK, { headers }), () => peer.ping(headers)], "exec.forbidden");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // JSON has no undefined, so the schema refuses it.
  }
}
