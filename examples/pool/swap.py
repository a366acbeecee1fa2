"""Swap: matches two whole items with each other, and has the signer sign and commit them. Over stdin and stdout, standard library alone.

It keeps nothing: at each tick it asks the pool what is open, so that nothing is forgotten whatever is killed when.
"""
import itertools, json, sys

AT_ONCE = 200  # Items of one tick, so that a tick ends within its time.
MOST_WAIT_MS = 1000  # An item that found no partner for so long is committed alone.
numbers = itertools.count(1)


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def receive():
    line = sys.stdin.readline()
    if line == "": sys.exit()  # The host has closed its end, or died.
    return json.loads(line)


def call(command, value, plugin=None):
    """What a service of the host answers, or another plugin. Meanwhile the host may ask something itself."""
    number = next(numbers)
    params = {"command": command, "payload": json.dumps(value).encode().hex(), "meta": {}}
    send({"id": number, "method": "exec", "params": {**params, **({"plugin": plugin} if plugin else {})}})
    while "method" in (message := receive()) or message.get("id") != number: answer(message)
    if "error" in message: raise RuntimeError(message["error"]["message"])
    return json.loads(bytes.fromhex(message["result"]["response"]))


def match():
    items = call("pool.open", {"kind": "whole", "limit": AT_ONCE})
    for pair in (items[at:at + 2] for at in range(0, len(items), 2)):
        if len(pair) == 2 or pair[0]["waitedMs"] > MOST_WAIT_MS:
            call("sign.items", {"ids": [item["id"] for item in pair]}, "signer")


def execute(command, payload):
    if command == "polyplug.event" and json.loads(payload)["topic"] == "polyplug.tick": match()
    elif command != "polyplug.event": raise RuntimeError(f"There is no {command}")
    return b""


def answer(message):
    """Answers a request of the host; anything else it sends needs no answer."""
    if "method" not in message or "id" not in message: return
    try:
        params = message.get("params") or {}
        if message["method"] == "ping": result = {"response": "pong", "polyplug": 1, "features": ["event"]}
        else: result = {"response": execute(params["command"], bytes.fromhex(params["payload"])).hex()}
        send({"id": message["id"], "result": result})
    except Exception as error:  # SystemExit is none.
        send({"id": message["id"], "error": {"code": -32000, "message": str(error), "data": {"code": "exec.failed"}}})


while True: answer(receive())
