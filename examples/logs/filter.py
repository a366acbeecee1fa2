"""The plugin log-filter: takes a batch of raw log lines, gives the events in them. Standard library alone: `python3 filter.py --port N`.

`plugin.log.filter` takes one line of JSON, {"format": "sshd" or "apache", "year": 2025}, and after its newline the raw lines. It answers
{"lines", "unread", "events": [{"time", "address", "name", "count"}]}: `lines` counts those that are not empty, `unread` those that do not
begin as lines of this format do. An event is a failed attempt to log in, by address and user name, or an entry of Apache's error log, by
client address ("" when it names none) and level. `filter_twin.ts` is the same in TypeScript, and a test holds both to the same answers.
"""
import binascii, json, os, re, signal, stat, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PluginError(Exception):
    """`raise PluginError(code, message)`: both reach the caller."""


MONTHS = {name: f"{number + 1:02d}" for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())}
MONTH, CLOCK = f"({'|'.join(MONTHS)})", "([0-9]{2}:[0-9]{2}:[0-9]{2})"

# "Mar 14 02:35:10 gate01 sshd[18260]: Failed password for invalid user pi from 198.51.100.23 port 40112 ssh2"
SYSLOG = re.compile(f"{MONTH} ([ 0-9][0-9]) {CLOCK} [^ ]+ (.*)", re.DOTALL)
# The name is what the other side sent, and may hold " from " itself: the address is behind the last one.
FAILED = re.compile(
    r"sshd(?:-session)?\[[0-9]+\]: (?:message repeated ([0-9]{1,6}) times: \[ )?"
    r"Failed [^ ]+ for (?:invalid user )?(.*) from ([^ ]+) port [0-9]+",
    re.DOTALL,
)
# "[Fri Mar 14 02:35:10 2025] [error] [client 192.0.2.7] File does not exist: …", since 2.4 with fractions, "[module:level]" and a pid.
APACHE = re.compile(
    f"\\[[A-Z][a-z]{{2}} {MONTH} ([ 0-9][0-9]) {CLOCK}(?:[.][0-9]+)? ([0-9]{{4}})\\] "
    r"\[(?:[a-z0-9_]+:)?([a-z0-9]+)\](?: \[pid [^]]*\])?(?: \[client ([^] ]+)\])?"
)
PORT = re.compile(r"^([0-9.]+):[0-9]+$")


def time_text(year, month, day, clock):
    """The log's own local time in a form that sorts as text."""
    return f"{year}-{MONTHS[month]}-{day.replace(' ', '0')}T{clock}"


def sshd_event(line, year):
    """An event, None for a line that is none, or False for a line of another format."""
    head = SYSLOG.match(line)
    if head is None:
        return False
    month, day, clock, message = head.groups()
    failed = FAILED.match(message)
    if failed is None:
        return None
    repeated, user, address = failed.groups()
    return {"time": time_text(year, month, day, clock), "address": address, "name": user, "count": int(repeated or 1)}


def apache_event(line, _year):
    """An event, or False for a line of another format."""
    entry = APACHE.match(line)
    if entry is None:
        return False
    month, day, clock, year, level, client = entry.groups()
    return {"time": time_text(year, month, day, clock), "address": PORT.sub(r"\1", client or ""), "name": level, "count": 1}


EVENT_OF = {"sshd": sshd_event, "apache": apache_event}


def filter_batch(payload):
    head, _, body = payload.partition(b"\n")
    try:
        options = json.loads(head)
        event_of, year = EVENT_OF[options["format"]], f"{options['year']:04d}"
    except (ValueError, TypeError, KeyError) as error:
        raise PluginError("log.bad_batch", f"The first line is not JSON with a format and a year: {error!r}")
    # Split as bytes: Python's own str.splitlines() ends lines at a dozen other characters too.
    texts = (line.removesuffix(b"\r").decode("utf-8", "replace") for line in body.split(b"\n"))
    found = [event_of(line, year) for line in texts if line != ""]
    events = [event for event in found if event]
    return json.dumps({"lines": len(found), "unread": found.count(False), "events": events}).encode()


COMMANDS = {"plugin.log.filter": filter_batch}
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
