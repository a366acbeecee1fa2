"""The hello plugin over the framed socket, standard library alone: a host starts it and finds the socket in its ready line.

Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its thread.
"""
import hashlib, hmac, json, os, shutil, socket, struct, sys, tempfile, threading

HELLO, CALL, RESULT, ERROR, CANCEL, PING, PONG = 1, 2, 3, 4, 8, 9, 10
TOKEN, LIMIT = os.environ.get("POLYPLUG_TOKEN"), int(os.environ.get("POLYPLUG_MAX_PAYLOAD", 16 << 20))

class PluginError(Exception):  # Its code and message reach the caller; of any other exception only the message does.
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code

def fail(payload):
    raise PluginError("hello.refused", "You asked me to fail: " + payload.decode())

COMMANDS = {
    "hello.world": lambda payload: b"Hello, world!",
    "hello.echo": lambda payload: payload,
    "hello.fail": fail,
    "test.sha256": lambda payload: hashlib.sha256(payload).digest(),
}

def run(send, number, command, payload):
    try:
        if command not in COMMANDS: raise PluginError("exec.unknown_command", "There is no " + command)
        send(RESULT, number, COMMANDS[command](payload))
    except Exception as error:
        code = getattr(error, "code", "exec.failed").encode()
        send(ERROR, number, bytes([len(code)]) + code + (str(error) or repr(error)).encode())

def texts(body, at, count):  # Texts behind a length of one byte each, and where they end.
    found = []
    for _ in range(count):
        found.append(body[at + 1 : at + 1 + body[at]].decode())
        at += 1 + body[at]
    return found, at

def serve(connection):
    reader, lock, trusted = connection.makefile("rb"), threading.Lock(), TOKEN is None
    def send(kind, number, body=b""):
        with lock: connection.sendall(struct.pack(">IBI", len(body) + 5, kind, number) + body)
    cap = 8192  # Until the host has said who it is.
    while len(header := reader.read(9)) == 9:
        length, kind, number = struct.unpack(">IBI", header)
        body = reader.read(length - 5) if 5 <= length <= cap + 5 else b""
        if len(body) != length - 5: break  # Too long, or cut off.
        if kind == HELLO:
            cap = LIMIT + 4096
            hello = json.loads(body)
            trusted = trusted or hmac.compare_digest(hello.get("token", ""), TOKEN)
            proof = hmac.new((TOKEN or "").encode(), hello.get("nonce", "").encode(), "sha256").hexdigest()
            if "polyplug" in hello: send(HELLO, 0, json.dumps({"polyplug": 1, "features": [], "proof": proof}).encode())
        elif kind == PING: send(PONG, number)
        elif kind == CALL and not trusted: send(ERROR, number, b"\x14exec.unauthenticatedThe call needs the token")
        elif kind == CALL:
            (request_id, trace, plugin, command), at = texts(body, 6, 4)
            if at > len(body): break
            elif len(body) - at > LIMIT: send(ERROR, number, b"\x0eexec.too_largeThe payload is over the limit")
            else: threading.Thread(target=run, args=(send, number, command, body[at:]), daemon=True).start()
        elif kind != CANCEL: break
    connection.close()

folder = tempfile.mkdtemp(prefix="polyplug-socket-")
server = socket.socket(socket.AF_UNIX)
server.bind(folder + "/s")
server.listen(128)
print(json.dumps({"polyplug": 1, "comm_type": os.environ.get("POLYPLUG_COMM_TYPE", "rest"), "socket": f"unix:{folder}/s"}), flush=True)

def end():  # The host holds the other end of stdin: when it closes that, or dies, we end too.
    sys.stdin.read()
    shutil.rmtree(folder)
    os._exit(0)

threading.Thread(target=end, daemon=True).start()
while True: threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
