"""What target.ts does, for a plugin that knows nothing of polyplug, on the standard library alone."""

import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures/process"))
import plain

FOLDER, NAME = os.environ["CHAOS_FOLDER"], os.environ["POLYPLUG_PLUGIN"]
HERE = os.path.dirname(os.path.abspath(__file__))
state = {"hangs": False, "garbage": b"", "waiting": 0}


class Target(plain.Handler):
    def ping(self):
        if not self.is_garbled():
            super().ping()

    def execute(self, command, payload):
        if self.is_garbled():
            return
        answer = b""
        if command == "chaos.echo":
            with open(f"{FOLDER}/{NAME}.ran", "ab", buffering=0) as ran:
                ran.write(self.headers["x-request-id"].encode() + b"\n")
            answer = payload
        elif command == "chaos.pid":
            answer = str(os.getpid()).encode()
        elif command == "chaos.exit":
            os._exit(3)
        elif command == "chaos.hang":
            state["hangs"] = True
        elif command == "chaos.garbage":
            state.update(garbage=payload, waiting=2)
        self.wait()
        self.answer(202, answer.hex())

    def is_garbled(self):
        self.wait()
        if state["waiting"] == 0:
            return False
        state["waiting"] -= 1
        self.wfile.write(state["garbage"])
        self.close_connection = True
        return True

    def wait(self):
        while state["hangs"]:
            time.sleep(60)


def start_fault():
    try:
        with open(f"{FOLDER}/{NAME}.start") as file:
            fault = file.read().split(" ")
        os.unlink(f"{FOLDER}/{NAME}.start")
        return fault
    except FileNotFoundError:
        return [None, ""]


fault, value = start_fault()
if fault == "slow":
    time.sleep(float(value) / 1000)
if fault == "exit":
    sys.exit(4)
if fault == "thief":
    command = ["python3", os.path.join(HERE, "thief.py"), str(plain.port_from_args()), value]
    thief = subprocess.Popen(command, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, start_new_session=True)
    thief.stdout.readline()
try:
    server = plain.listen(Target)
except OSError as error:
    sys.exit(f"cannot listen: {error}")
plain.serve(server)
