"""The hello plugin over stdin and stdout in Python, standard library alone: one object of JSON-RPC a line, in either direction.
Write your own commands, keep the rest. A command takes bytes and returns bytes. stdout is the protocol: print(…, file=sys.stderr) is the log."""
import binascii, hashlib, json, sys

class PluginError(Exception): pass  # raise PluginError(code, message): both reach the caller.

def fail(payload):
    raise PluginError("hello.refused", "You asked me to fail: " + payload.decode(errors="replace"))

COMMANDS = {
    "hello.world": lambda payload: b"Hello, world!",
    "hello.echo": lambda payload: payload,
    "hello.fail": fail,
    "test.sha256": lambda payload: hashlib.sha256(payload).digest(),
}

def answer(method, params):
    if method == "ping":
        return "pong"
    if method != "exec":
        raise PluginError("exec.unknown_command", f"There is no method {method!r}")
    try:
        command, payload = COMMANDS.get(params["command"]), binascii.unhexlify(params["payload"])
    except (ValueError, TypeError, KeyError) as error:
        raise PluginError("exec.bad_request", f"The params are no command with a payload in hex: {error!r}")
    if command is None:
        raise PluginError("exec.unknown_command", f"There is no {params['command']!r}; there are {', '.join(COMMANDS)}")
    return {"response": command(payload).hex()}

for line in sys.stdin.buffer:  # It ends when the host closes its end, or dies; then we end too.
    request = None
    try:
        request = json.loads(line)
        reply = {"result": answer(request["method"], request.get("params"))}
    except Exception as error:
        code, message = error.args if isinstance(error, PluginError) else ("exec.failed", str(error))
        reply = {"error": {"code": -32000, "message": message, "data": {"code": code}}}
    if isinstance(request, dict) and {"method", "id"} <= request.keys():  # Of anything else nobody awaits an answer.
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}), flush=True)
