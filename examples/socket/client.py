"""A client of the framed socket, standard library alone: `client.py unix:/path [command [payload]]`, the token in POLYPLUG_TOKEN.

    with Client("/path", token) as client:
        client.exec("hello.echo", b"hi")  # Several threads may call at once.
"""
import hmac, itertools, json, os, secrets, socket, struct, sys, threading

HELLO, CALL, RESULT, ERROR = 1, 2, 3, 4

class PluginError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code

class Client:
    def __init__(self, path, token=None):
        self.socket, self.lock, self.waiting, self.numbers = socket.socket(socket.AF_UNIX), threading.Lock(), {}, itertools.count(1, 2)
        self.socket.connect(path)
        self.reader = self.socket.makefile("rb")
        nonce = secrets.token_hex(16)
        self.send(HELLO, 0, json.dumps({"polyplug": 1, "host": "client", "nonce": nonce}).encode())
        kind, _, body = self.read()
        if kind != HELLO: raise PluginError("caller.lost", body[1:].decode())
        if token:  # It goes to nobody who has not shown that he holds it.
            proof = hmac.new(token.encode(), nonce.encode(), "sha256").hexdigest()
            if not hmac.compare_digest(json.loads(body).get("proof", ""), proof): raise PluginError("ready.impostor", "The proof is wrong")
            self.send(HELLO, 0, json.dumps({"token": token}).encode())
        threading.Thread(target=self.listen, daemon=True).start()

    def __enter__(self): return self
    def __exit__(self, *_): self.socket.shutdown(socket.SHUT_RDWR)

    def send(self, kind, number, body):
        with self.lock: self.socket.sendall(struct.pack(">IBI", len(body) + 5, kind, number) + body)

    def read(self):
        length, kind, number = struct.unpack(">IBI", self.reader.read(9))
        body = self.reader.read(length - 5)
        if len(body) != length - 5: raise OSError("The connection ended within a frame")
        return kind, number, body

    def listen(self):
        try:
            while True:
                kind, number, body = self.read()
                if number in self.waiting: self.waiting.pop(number)(kind, body)
        except (struct.error, OSError):  # The connection has ended: whoever waits is told.
            for answer in list(self.waiting.values()): answer(ERROR, b"\x0bcaller.lostThe connection ended")

    def exec(self, command, payload=b"", timeout_ms=30_000):
        number, name, done, answer = next(self.numbers), command.encode(), threading.Event(), []
        self.waiting[number] = lambda *what: (answer.extend(what), done.set())
        # Milliseconds left, attempt, then request id, trace and command, each behind its length.
        self.send(CALL, number, struct.pack(">IBBBBBB", timeout_ms, 1, 0, 0, 0, 0, len(name)) + name + payload)
        if not done.wait(timeout_ms / 1000): raise PluginError("caller.timeout", f"No answer within {timeout_ms} ms")
        kind, body = answer
        if kind == RESULT: return body
        raise PluginError(body[1 : 1 + body[0]].decode(), body[1 + body[0] :].decode())

if __name__ == "__main__":
    with Client(sys.argv[1].removeprefix("unix:"), os.environ.get("POLYPLUG_TOKEN")) as client:
        try:
            sys.stdout.buffer.write(client.exec(*(sys.argv[2:3] or ["hello.world"]), *(each.encode() for each in sys.argv[3:4])))
        except PluginError as error:
            sys.exit(f"{error.code}: {error}")
