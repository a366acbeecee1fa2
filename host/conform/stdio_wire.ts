/**
 * stdio as a wire to check a plugin on: takes the pipes, gives the peer and every check, in the order in which they are made. Loaded when
 * it is asked for.
 * @module
 */
import type { Channel } from "../../protocol/endpoint.ts";
import { EXEC_CHECKS, FIRST_CHECKS, LAST_CHECKS, NAME_CHECKS, PAYLOAD_CHECKS } from "./call_checks.ts";
import type { Check } from "./check.ts";
import { INFO_CHECKS, SHUTDOWN_CHECKS } from "./feature_checks.ts";
import type { PeerOptions } from "./peer.ts";
import { LIMIT_CHECKS } from "./refusal_checks.ts";
import { EXEC_FORM_CHECKS, LINE_CHECKS, PING_CHECKS, STDOUT_CHECKS } from "./stdio_core.ts";
import { BAD_LINE_CHECKS, CANCEL_CHECKS, END_CHECKS, IDENTITY_CHECKS } from "./stdio_full.ts";
import { StdioPeer } from "./stdio_peer.ts";
import { told, type Words } from "./words.ts";

const WORDS: Words = {
  ping: {
    advice:
      "Read lines from stdin, answer each ping on stdout, and flush it; a plugin that serves certain hosts alone is checked with --host NAME",
  },
  exec: { advice: "Answer exec by running the command that the params name, on one line of stdout, and flush it" },
  "bytes.large": { advice: "Read a line to its newline, however long it is: one read gives what has arrived, not all of it" },
  "limit.over": {
    title: "a larger payload is exec.too_large",
    advice: "Answer a payload over the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB) with exec.too_large",
  },
  "calls.at_once": {
    advice:
      "Answer calls that are open at once each by itself: keep what belongs to one call in local variables, and write each line as a whole",
  },
  info: {
    advice: 'Answer polyplug.info with JSON, in hex: {"name":"…","version":"…","commands":[{"name":"…"}],"subscribes":[],"hosts":[]}',
  },
  "forbidden.x_host": {
    advice: 'Answer a call or ping whose "x-host" in meta is not on the list that polyplug.info gives as hosts with exec.forbidden',
  },
};

const STDIO_CHECKS: readonly Check<StdioPeer>[] = told([
  ...FIRST_CHECKS,
  ...PING_CHECKS,
  ...IDENTITY_CHECKS,
  ...EXEC_CHECKS,
  ...EXEC_FORM_CHECKS,
  ...PAYLOAD_CHECKS,
  ...LINE_CHECKS,
  ...NAME_CHECKS,
  ...LIMIT_CHECKS,
  ...CANCEL_CHECKS,
  ...INFO_CHECKS,
  ...LAST_CHECKS,
  ...STDOUT_CHECKS,
  ...BAD_LINE_CHECKS,
  ...SHUTDOWN_CHECKS,
  ...END_CHECKS,
], { words: WORDS, section: 5 });

/** A way to the plugin, and what is asked on it. */
export interface StdioWire {
  readonly peer: StdioPeer;
  readonly checks: readonly Check<StdioPeer>[];
}

/** stdin and stdout; `giveBack` is called when the checks are over. */
export function openStdioWire(channel: Channel, options: PeerOptions, giveBack: () => void): StdioWire {
  return { peer: new StdioPeer(channel, options, giveBack), checks: STDIO_CHECKS };
}
