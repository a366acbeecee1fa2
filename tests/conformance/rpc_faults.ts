/**
 * The faults that rpc_service.ts knows: which check finds each, and a telling part of what its author is told.
 * @module
 */
import type { OneFault } from "./one_fault.ts";

/** One fault of the fixture, on both wires unless it says otherwise. */
export interface RpcFault extends OneFault {
  readonly only?: "grpc" | "connect";
}

/** Faults that level `core` finds. */
export const RPC_CORE_FAULTS: readonly RpcFault[] = [
  { name: "ping.none", check: "ping", advice: /answer .*plugin\.Plugin\/Ping/, came: /^status Unimplemented, message "There is no Ping"/ },
  { name: "ping.status", check: "ping.status", advice: /Status is "success"/, came: /Status "ok", Response "pong"/ },
  { name: "ping.capital", check: "ping.answer", advice: /Response: "pong"/, came: /Response "Pong"/ },
  { name: "dialect.raw", check: "dialect", advice: /the dialect "goplugin-1": check it with --dialect goplugin-1/, came: /"4a4B4c4D"/ },
  { name: "exec.refuses", check: "exec", advice: /--echo COMMAND/, came: /^status Unknown, message "Error: Not today"/ },
  { name: "exec.status", check: "exec.status", advice: /Status is "success"/, came: /Status "done", Response "48656c6c6f"/ },
  { name: "answer.not_hex", check: "exec.answer", advice: /two digits for each byte/, came: /"48656c6c6f!"/ },
  { name: "echo.text_of_hex", check: "exec.echo", advice: /decoded from hex once/, came: /24 bytes: 48656c6c6f/ },
  { name: "bytes.empty", check: "bytes.empty", advice: /proto3 does not write what is empty/, came: /^status InvalidArgument/ },
  { name: "bytes.text", check: "bytes.all", advice: /decoding them as text loses every byte/ },
  { name: "bytes.large", check: "bytes.large", advice: /4 MiB in many libraries/, came: /^status ResourceExhausted/ },
  { name: "unknown.success", check: "unknown_command", advice: /never with success/, came: /^status OK/ },
  { name: "hex.writes_upper", check: "exec.lower_case", advice: /small letters/, came: /4A4B4C4D4E4F/ },
  { name: "hex.lower_only", check: "hex.upper_case", advice: /either case/, came: /Capital letters/ },
  { name: "bad.hex.ignores", check: "bad.hex", advice: /InvalidArgument for example/, came: /^status OK/ },
  { name: "bad.odd_hex.pads", check: "bad.odd_hex", advice: /do not drop or add a digit/, came: /"4a40"/ },
  { name: "fields.unknown", check: "message.unknown_fields", advice: /Ignore fields/, came: /fields too many/ },
  { name: "headers.trace", check: "request.headers", advice: /Ignore metadata/, came: /No tracer/ },
  { name: "names.inherited", check: "names.inherited", advice: /never among the attributes/, came: /^status OK/ },
  { name: "bad.message.accepts", check: "bad.message", advice: /catch what decoding throws/, came: /^status OK/ },
  { name: "deadline.units", check: "deadline", advice: /each unit/, came: /Which unit/ },
  { name: "error.no_message", check: "error.answer", advice: /a message that helps/ },
  { name: "held.single", check: "connections.held", advice: /own thread or task/, came: /no answer within/ },
  { name: "reused.refuses", check: "connections.reused", advice: /Keep the connection open/, came: /^no answer/ },
  { name: "dropped.harms", check: "connections.dropped", advice: /the end of that call alone/, came: /A connection was lost/ },
  { name: "calls.shared", check: "calls.at_once", advice: /local variables, not in shared ones/, came: /at once: \d|bytes/ },
  { name: "serving.broken", check: "serving", advice: /many at once, has broken something/, came: /Too many calls/ },
];

/** Faults that only level `full` finds. */
export const RPC_FULL_FAULTS: readonly RpcFault[] = [
  { name: "identity.none", check: "identity", advice: /metadata `x-polyplug: 1; features=…`/, came: /^no header x-polyplug/, plain: true },
  { name: "features.misspelt", check: "identity.features", advice: /it knows cancel, .*shutdown/, came: /shut-down/ },
  { name: "proof.upper_case", check: "proof", advice: /lower-case hex/, came: /^x-polyplug-proof: [0-9A-F]{64}$/ },
  { name: "token.ignored", check: "token.missing", advice: /status Unauthenticated and do not run it/, came: /^status OK/ },
  { name: "token.forbidden", check: "token.missing", advice: /status Unauthenticated/, came: /^status PermissionDenied/ },
  { name: "token.presence", check: "token.wrong", advice: /only present/, came: /^status OK/ },
  { name: "token.prefix", check: "token.wrong", advice: /begins alike/, came: /^status OK/ },
  { name: "token.not_raw", check: "token.raw", advice: /before you look at x-payload/, came: /^status OK/ },
  { name: "code.none", check: "error.unknown_command", advice: /x-error-code: exec\.unknown_command/, came: /^status Unimplemented/ },
  { name: "path.any", check: "error.path", advice: /Unimplemented/, came: /^status/ },
  { name: "bad_request.unknown", check: "error.bad_request", advice: /InvalidArgument/, came: /^status Unknown/ },
  { name: "limit.one_less", check: "limit.exact", advice: /the limit itself included/, came: /^status ResourceExhausted/ },
  { name: "limit.none", check: "limit.over", advice: /ResourceExhausted/, came: /^status OK/ },
  { name: "raw.ignored", check: "raw", advice: /x-payload: raw, whatever the dialect/, came: /^status InvalidArgument/ },
  { name: "raw.empty", check: "raw.empty", advice: /without Payload/, came: /^status InvalidArgument/ },
  { name: "raw.always", check: "raw.hex", advice: /x-payload: hex, whatever the dialect/ },
  { name: "cancel.shared", check: "cancel", advice: /each call a signal of its own/, came: /Cancelled/ },
  { name: "info.text", check: "info", advice: /polyplug.info with JSON/, came: /^faulty 1\.0\.0$/ },
  { name: "info.forgets", check: "info.commands", advice: /List every command/, came: /"commands":\[\]/ },
  { name: "x_host.ignored", check: "forbidden.x_host", advice: /status PermissionDenied/, came: /^status OK/, hosts: ["conform", "app"] },
  { name: "shutdown.stays", check: "shutdown", advice: /finish the open calls and exit/, came: /runs on$/ },
  { name: "origin.ignored", check: "forbidden.origin", advice: /only browsers send it/, came: /^status OK/, only: "connect" },
  { name: "host.ignored", check: "forbidden.host", advice: /this machine's address/, came: /^status OK/, only: "connect" },
  { name: "json.none", check: "json.ping", advice: /content-type application\/json and the body \{\}/, only: "connect" },
  { name: "json.base64", check: "json.exec", advice: /hex in either dialect/, came: /"T0s="/, only: "connect" },
  {
    name: "json.bad.accepts",
    check: "json.bad",
    advice: /not JSON, or whose Payload is not hex/,
    came: /^HTTP status 200/,
    only: "connect",
  },
];
