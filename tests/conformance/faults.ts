/**
 * The faults that tests/fixtures/faulty_plugin.py knows: which check finds each, and a telling part of what its author is told.
 * @module
 */

/** One fault of the fixture. */
export interface Fault {
  /** For `--fault`. */
  readonly name: string;
  /** The only check that fails. */
  readonly check: string;
  /** A part of the advice. */
  readonly advice: RegExp;
  /** A part of what is said to have come. */
  readonly came?: RegExp;
  /** Further arguments of the fixture. */
  readonly args?: readonly string[];
  /** Without a token: a plugin that does not say who it is is never sent one. */
  readonly plain?: boolean;
}

/** Faults that level `core` finds. */
export const CORE_FAULTS: readonly Fault[] = [
  { name: "ping.404", check: "ping", advice: /answer ping as often as it is asked/, came: /^status 404, body/ },
  { name: "ping.needs_token", check: "ping", advice: /answer ping/, came: /^status 401/ },
  { name: "ping.202", check: "ping.status", advice: /status 200 exactly/, came: /^status 202/ },
  { name: "ping.text", check: "ping.answer", advice: /\{"status":"success","data":\{"response":"pong"\}\}/, came: /body pong$/ },
  { name: "ping.capital", check: "ping.answer", advice: /"response":"pong"/, came: /"Pong"/ },
  { name: "exec.elsewhere", check: "exec", advice: /--echo COMMAND/, came: /^status 404/ },
  { name: "answer.cut", check: "exec", advice: /content-length that is the number of its bytes/, came: /closed after \d+ of \d+ bytes/ },
  { name: "exec.200", check: "exec.status", advice: /status 202 \(Accepted\).*not even 200/, came: /^status 200/ },
  { name: "answer.flat", check: "exec.answer", advice: /"data":\{"response":"<hex>"\}/, came: /\{"response": "48656c6c6f"\}/ },
  { name: "answer.ok", check: "exec.answer", advice: /"status":"success"/, came: /"status": "ok"/ },
  { name: "answer.bytes_as_text", check: "exec.answer", advice: /two hexadecimal digits for each byte/, came: /"Hello!"/ },
  { name: "echo.text_of_hex", check: "exec.echo", advice: /Decode the payload from hex once/, came: /24 bytes: 48656c6c6f/ },
  { name: "bytes.empty", check: "bytes.empty", advice: /not for a missing one/, came: /^status 400/ },
  { name: "bytes.text", check: "bytes.all", advice: /decoding them as text loses every byte/ },
  { name: "body.one_read", check: "bytes.large", advice: /Read the request's body to its content-length, in a loop/ },
  { name: "unknown.success", check: "unknown_command", advice: /with an error, never with success/, came: /^status 202/ },
  { name: "hex.writes_upper", check: "exec.lower_case", advice: /small letters/, came: /4A4B4C4D4E4F/ },
  { name: "hex.lower_only", check: "hex.upper_case", advice: /either case/, came: /Capital letters/ },
  { name: "json.unknown_keys", check: "json.unknown_keys", advice: /Ignore keys .* that you do not know/, came: /keys too many/ },
  { name: "json.pattern", check: "json.form", advice: /JSON parser.*white space and escapes/ },
  { name: "type.strict", check: "request.content_type", advice: /whatever its content type is/, came: /^status 415/ },
  { name: "headers.trace", check: "request.headers", advice: /Ignore request headers/, came: /No tracer/ },
  { name: "unknown.404", check: "unknown_command.status", advice: /status 400/, came: /^status 404/ },
  { name: "error.plain", check: "error.answer", advice: /\{"status":"error","data":null,"message":/, came: /<h1>400<\/h1>\\x1b\[31m$/ },
  { name: "error.no_message", check: "error.answer", advice: /a message that helps/ },
  { name: "names.getattr", check: "names.inherited", advice: /never among the attributes/, came: /^status 202/ },
  { name: "bad.hex.ignores", check: "bad.hex", advice: /not hex with the status 400/, came: /^status 202/ },
  { name: "bad.odd_hex.pads", check: "bad.odd_hex", advice: /do not drop or add a digit/, came: /4a40/ },
  { name: "bad.odd_hex.202", check: "bad.odd_hex", advice: /odd number of digits/, came: /^status 202/ },
  {
    name: "bad.odd_hex.wedges",
    check: "bad.odd_hex",
    advice: /Go on serving.*hangs/,
    came: /within 2000 ms: the plugin no longer answers/,
  },
  { name: "bad.json.dies", check: "bad.json", advice: /catch what decoding throws/, came: /^no answer: .*the plugin no longer answers$/ },
  { name: "bad.json.500", check: "bad.json", advice: /not JSON with the status 400/, came: /^status 500/ },
  { name: "bad.json.accepts", check: "bad.json", advice: /not JSON with the status 400/, came: /^status 202/ },
  { name: "bad.not_object.500", check: "bad.not_object", advice: /JSON but no object/, came: /AttributeError/ },
  { name: "bad.no_command.default", check: "bad.no_command", advice: /without "command"/, came: /^status 202/ },
  { name: "bad.no_payload.default", check: "bad.no_payload", advice: /without "payload"/, came: /^status 202/ },
  { name: "error.page", check: "bad.answer", advice: /not with the error page of your web framework/, came: /<h1>/ },
  { name: "held.single", check: "connections.held", advice: /own thread or task/, came: /no answer within/ },
  { name: "reused.closes", check: "connections.reused", advice: /send the header `connection: close`/, came: /closed without an answer/ },
  {
    name: "reused.tail",
    check: "connections.reused",
    advice: /content-length that is the number/,
    came: /not HTTP came: \\r\\n<!-- bye -->/,
  },
  { name: "dropped.dies", check: "connections.dropped", advice: /the end of that call alone/, came: /no longer answers$/ },
  { name: "calls.shared", check: "calls.at_once", advice: /local variables, not in shared ones/, came: /at once: \d/ },
  { name: "serving.broken", check: "serving", advice: /many at once, has broken something/, came: /Too many calls/ },
];

/** Faults that only level `full` finds. */
export const FULL_FAULTS: readonly Fault[] = [
  { name: "identity.none", check: "identity", advice: /header `x-polyplug: 1; features=…`/, came: /^no header x-polyplug/, plain: true },
  { name: "identity.bare", check: "identity", advice: /features joined by commas/, came: /^x-polyplug: true$/ },
  { name: "features.misspelt", check: "identity.features", advice: /it knows cancel, .*shutdown/, came: /shut-down/ },
  { name: "proof.none", check: "proof", advice: /HMAC-SHA256/, came: /^no header x-polyplug-proof/ },
  { name: "proof.key_from_hex", check: "proof", advice: /as text \(not decoded from hex\)/, came: /^x-polyplug-proof: [0-9a-f]{64}$/ },
  { name: "proof.upper_case", check: "proof", advice: /lower-case hex/, came: /^x-polyplug-proof: [0-9A-F]{64}$/ },
  { name: "token.ignored", check: "token.missing", advice: /status 401 and do not run it/, came: /^status 202/ },
  { name: "token.403", check: "token.missing", advice: /status 401/, came: /^status 403/ },
  { name: "token.presence", check: "token.wrong", advice: /only present/, came: /^status 202/ },
  { name: "token.prefix", check: "token.wrong", advice: /begins alike/, came: /^status 202/ },
  { name: "token.not_raw", check: "token.raw", advice: /before you look at the content type/, came: /^status 202/ },
  { name: "code.none", check: "error.unknown_command", advice: /"code":"exec.unknown_command"/ },
  { name: "code.422", check: "error.bad_request", advice: /"code":"exec.bad_request"/, came: /^status 422/ },
  { name: "path.400", check: "error.path", advice: /status 404/, came: /^status 400/ },
  { name: "method.404", check: "error.method", advice: /status 405/, came: /^status 404/ },
  { name: "origin.ignored", check: "forbidden.origin", advice: /only browsers send it/, came: /^status 202/ },
  { name: "origin.null", check: "forbidden.origin", advice: /whatever its value/, came: /^status 202/ },
  { name: "host.ignored", check: "forbidden.host", advice: /Host header is not localhost/, came: /^status 202/ },
  { name: "host.prefix", check: "forbidden.host", advice: /this machine's address/, came: /^status 202/ },
  {
    name: "x_host.ignored",
    check: "forbidden.x_host",
    advice: /X-Host is not on the list/,
    came: /^status 202/,
    args: ["--hosts", "conform,app"],
  },
  { name: "limit.one_less", check: "limit.exact", advice: /the limit itself included/, came: /^status 413/ },
  { name: "limit.none", check: "limit.over", advice: /status 413, and read the rest/, came: /^status 202/ },
  { name: "raw.as_json", check: "raw", advice: /the bytes themselves as application\/octet-stream/, came: /"success"/ },
  { name: "raw.type", check: "raw", advice: /as application\/octet-stream/ },
  { name: "raw.empty", check: "raw.empty", advice: /empty body for a payload of no bytes/, came: /^status 400/ },
  { name: "error.raw_plain", check: "raw.error", advice: /raw call that fails like any other, in JSON/, came: /<h1>/ },
  { name: "cancel.shared", check: "cancel", advice: /each call a signal of its own/, came: /Cancelled/ },
  { name: "info.text", check: "info", advice: /polyplug.info with JSON/, came: /^faulty 1\.0\.0$/ },
  { name: "info.names_alone", check: "info", advice: /"commands":\[\{"name":"…"\}\]/, came: /\["hello.echo"\]/ },
  { name: "info.no_version", check: "info", advice: /"version":"…"/ },
  { name: "info.forgets", check: "info.commands", advice: /List every command/, came: /"commands": \[\]/ },
  { name: "shutdown.refused", check: "shutdown", advice: /empty response at once/, came: /Not now/ },
  { name: "shutdown.stays", check: "shutdown", advice: /finish the open calls and exit/, came: /runs on$/ },
];
