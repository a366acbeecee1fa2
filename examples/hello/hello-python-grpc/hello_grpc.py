"""The hello plugin in Python over gRPC, with grpcio: `build/venv/bin/python hello_grpc.py --port N` answers Ping and Exec. Its payloads are
hex, as in the seed. `deno task build:examples` makes build/: grpcio, and what it needs to speak protocol/plugin_seed.proto.
Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its thread."""
import binascii, hashlib, os, signal, stat, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "build"))
from plugin_seed_pb2 import Data, ExecResponse, PingResponse
import plugin_seed_pb2_grpc

class PluginError(Exception): pass  # raise PluginError(code, message): both reach the caller.

def fail(payload):
    raise PluginError("hello.refused", "You asked me to fail: " + payload.decode(errors="replace"))

COMMANDS = {
    "hello.world": lambda payload: b"Hello, world!",
    "hello.echo": lambda payload: payload,
    "hello.fail": fail,
    "test.sha256": lambda payload: hashlib.sha256(payload).digest(),
}
STATUS = {"exec.unknown_command": grpc.StatusCode.UNIMPLEMENTED, "exec.bad_request": grpc.StatusCode.INVALID_ARGUMENT}

def answer(name, payload):
    if name not in COMMANDS:
        raise PluginError("exec.unknown_command", f"There is no {name!r}; there are {', '.join(COMMANDS)}")
    try:
        payload = binascii.unhexlify(payload)
    except ValueError as error:
        raise PluginError("exec.bad_request", f"The payload is not hex: {error}")
    return COMMANDS[name](payload).hex()

class Plugin(plugin_seed_pb2_grpc.PluginServicer):
    def Ping(self, request, context):
        return PingResponse(Status="success", Data=Data(Response="pong"))

    def Exec(self, request, context):
        try:
            return ExecResponse(Status="success", Data=Data(Response=answer(request.Command, request.Payload)))
        except Exception as error:
            code, message = error.args if isinstance(error, PluginError) else ("exec.failed", str(error))
            context.set_trailing_metadata([("x-error-code", code)])
            context.abort(STATUS.get(code, grpc.StatusCode.UNKNOWN), message)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback.
    # Without these a message ends at 4 MiB, and two programs may listen at one port.
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(64), options=options)
    plugin_seed_pb2_grpc.add_PluginServicer_to_server(Plugin(), server)
    server.add_insecure_port("127.0.0.1:" + sys.argv[sys.argv.index("--port") + 1])
    server.start()
    if stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode):
        sys.stdin.buffer.read()  # The host holds the other end: when it closes that, or dies, we end too.
        os._exit(0)
    server.wait_for_termination()
