"""The hello plugin in Python, standard library alone: `python3 hello.py --port N` answers ping and exec over REST.
Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its thread."""
import binascii, hashlib, json, os, signal, stat, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class PluginError(Exception): pass  # raise PluginError(code, message): both reach the caller.

def fail(payload):
    raise PluginError("hello.refused", "You asked me to fail: " + payload.decode(errors="replace"))

COMMANDS = {
    "hello.world": lambda payload: b"Hello, world!",
    "hello.echo": lambda payload: payload,
    "hello.fail": fail,
    "test.sha256": lambda payload: hashlib.sha256(payload).digest(),
}
STATUS = {"exec.unknown_command": 400, "exec.bad_request": 400, "exec.not_found": 404}  # Of other codes: 500.

def answer(request, body):
    if request == "GET /ping":
        return 200, "pong"
    if request != "POST /exec":
        raise PluginError("exec.not_found", f"There is no {request}")
    try:
        call = json.loads(body)
        command, payload = COMMANDS.get(call["command"]), binascii.unhexlify(call["payload"])
    except (ValueError, TypeError, KeyError) as error:
        raise PluginError("exec.bad_request", f"The body is not JSON with a command and a payload in hex: {error!r}")
    if command is None:
        raise PluginError("exec.unknown_command", f"There is no {call['command']!r}; there are {', '.join(COMMANDS)}")
    return 202, command(payload).hex()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Keeps the connection for the next call.
    disable_nagle_algorithm, wbufsize = True, -1  # An answer leaves at once and in one piece; else each call may wait 40 ms.
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            status, response = answer(f"{self.command} {self.path}", body)
            text = json.dumps({"status": "success", "data": {"response": response}}).encode()
        except Exception as error:
            code, message = error.args if isinstance(error, PluginError) else ("exec.failed", str(error))
            status = STATUS.get(code, 500)
            text = json.dumps({"status": "error", "data": None, "message": message, "code": code}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST
    log_message = lambda self, *args: None  # Else each call is a line on stderr.

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback.
    ThreadingHTTPServer.request_queue_size = 1024  # Else many calls at once are refused.
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler)
    threading.Thread(target=server.serve_forever).start()
    if stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode):
        sys.stdin.buffer.read()  # The host holds the other end: when it closes that, or dies, we end too.
        os._exit(0)
