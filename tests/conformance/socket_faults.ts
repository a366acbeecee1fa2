/**
 * The faults that socket_served.ts knows: which check finds each, and a telling part of what its author is told.
 * @module
 */
import type { OneFault } from "./one_fault.ts";

/** One fault of the fixture. */
export type SocketFault = OneFault;

/** Faults that level `core` finds. */
export const SOCKET_CORE_FAULTS: readonly SocketFault[] = [
  { name: "ping.none", check: "ping", advice: /then each ping by a pong/, came: /^no answer within \d+ ms$/ },
  { name: "hello.version_text", check: "hello", advice: /\{"polyplug":1,"features":\[\]\}/, came: /^hello 0, body \{"polyplug":"1"/ },
  { name: "hello.strict", check: "json.unknown_keys", advice: /Ignore keys of the hello/, came: /keys too many/ },
  { name: "pong.signed", check: "ping.answer", advice: /unsigned number of 32 bits/, came: /^pong 1, no body/ },
  { name: "exec.refuses", check: "exec", advice: /--echo COMMAND/, came: /^error 1, exec\.failed: "Error: Not today"/ },
  { name: "id.own", check: "exec.answer", advice: /Write the id of the call/, came: /^result 1, body OK/ },
  { name: "echo.hex", check: "exec.echo", advice: /as they are/, came: /24 bytes: 48656c6c6f/ },
  { name: "bytes.empty", check: "bytes.empty", advice: /ends behind its command/, came: /^error 1, exec\.bad_request/ },
  { name: "bytes.text", check: "bytes.all", advice: /decoding them as text loses every byte/ },
  { name: "bytes.large", check: "bytes.large", advice: /Read a frame to its length, in a loop/, came: /65536 bytes/ },
  { name: "bytes.mebibyte", check: "bytes.mebibyte", advice: /write it to its end/, came: /204800 bytes/ },
  { name: "unknown.success", check: "unknown_command", advice: /never with success/, came: /^result 1/ },
  { name: "frames.one_read", check: "frames.split", advice: /its first nine bytes included/ },
  {
    name: "frames.first_alone",
    check: "frames.joined",
    advice: /one read may give several/,
    came: /^result 1, body OK; then nothing more within/,
    plain: true,
  },
  { name: "request_id.short", check: "request.headers", advice: /up to 255 bytes each/, came: /request id is too long/ },
  { name: "deadline.signed", check: "deadline", advice: /unsigned number of 32 bits/, came: /exec\.timeout/ },
  { name: "error.text", check: "error.answer", advice: /the code behind its length of one byte/ },
  { name: "error.no_message", check: "error.answer", advice: /a message that helps/, came: /exec\.unknown_command: ""/ },
  { name: "names.inherited", check: "names.inherited", advice: /never among the attributes/, came: /^result/ },
  { name: "held.single", check: "connections.held", advice: /own thread or task/, came: /no answer within/ },
  { name: "reused.ends", check: "connections.reused", advice: /read the next frame/, came: /closed without an answer/ },
  { name: "dropped.harms", check: "connections.dropped", advice: /the end of those calls alone/, came: /A connection was lost/ },
  { name: "calls.shared", check: "calls.at_once", advice: /local variables.*by one writer or under a lock/, came: /at once: \d/ },
  { name: "serving.broken", check: "serving", advice: /many at once, has broken something/, came: /Too many calls/ },
];

/** Faults that only level `full` finds. */
export const SOCKET_FULL_FAULTS: readonly SocketFault[] = [
  { name: "features.none", check: "identity", advice: /"features":\[\] when there are none/ },
  { name: "features.misspelt", check: "identity.features", advice: /it knows cancel, .*shutdown/, came: /shut-down/ },
  { name: "proof.upper_case", check: "proof", advice: /lower-case hex/, came: /"proof":"[0-9A-F]{64}"/ },
  { name: "private.open", check: "private", advice: /mode 0700/, came: /^mode 0755/ },
  { name: "token.ignored", check: "token.missing", advice: /until a hello has brought the token/, came: /^result 1/ },
  { name: "token.forbidden", check: "token.missing", advice: /exec\.unauthenticated/, came: /exec\.forbidden/ },
  { name: "token.presence", check: "token.wrong", advice: /only present/, came: /^result 1/ },
  { name: "token.prefix", check: "token.wrong", advice: /begins alike/, came: /^result 1/ },
  { name: "token.answered", check: "token.hello", advice: /do not answer it/, came: /^hello 0/ },
  { name: "code.other", check: "error.unknown_command", advice: /the code exec\.unknown_command/, came: /exec\.missing/ },
  { name: "hello.skipped", check: "bad.no_hello", advice: /only after a hello/, came: /^result 1/, plain: true },
  { name: "hello.bad.hangs", check: "bad.hello", advice: /catch what decoding throws/, came: /^nothing within/ },
  { name: "call.unchecked", check: "bad.call", advice: /lead past its end/, came: /exec\.unknown_command/ },
  { name: "kind.ignored", check: "bad.kind", advice: /of a kind that no host sends/, came: /^nothing within/ },
  { name: "refused.silently", check: "bad.told", advice: /error of id 0 with the code exec\.bad_request/, came: /^the connection ended$/ },
  { name: "length.ignored", check: "bad.length", advice: /length under 5/, came: /^nothing within/ },
  { name: "truncated.runs", check: "bad.truncated", advice: /half a call is none/, came: /^result 1, body O/ },
  { name: "huge.dies", check: "bad.huge", advice: /the plugin ended or hangs/, came: /the plugin no longer answers$/ },
  { name: "limit.one_less", check: "limit.exact", advice: /the limit itself included/, came: /exec\.too_large/ },
  { name: "limit.none", check: "limit.over", advice: /counted without what else is in the frame/, came: /^result 1/ },
  {
    name: "large.ends",
    check: "limit.frame",
    advice: /Pass over the body/,
    came: /the connection ended$/,
  },
  { name: "hello.large", check: "limit.hello", advice: /before a hello has come/, came: /^hello 0/ },
  { name: "cancel.all", check: "cancel", advice: /of the id that a frame of kind 8 has and no other/, came: /exec\.cancelled/ },
  { name: "info.text", check: "info", advice: /polyplug.info with JSON/, came: /^faulty 1\.0\.0$/ },
  { name: "info.forgets", check: "info.commands", advice: /List every command/, came: /"commands":\[\]/ },
  {
    name: "hosts.ignored",
    check: "forbidden.x_host",
    advice: /error of id 0, exec\.forbidden/,
    came: /^result 1/,
    hosts: ["conform", "app"],
  },
  { name: "shutdown.stays", check: "shutdown", advice: /finish the open calls and exit/, came: /runs on$/ },
];
