"""moto, the AWS emulator, as a process that can be copied.

Started by the Go package lab (emulator.go), never by hand. Not called moto.py
because a script's own folder comes first on Python's path, and it would hide
the real moto.

One argument: a folder for the log files. On standard input come commands, on
standard output go replies, one JSON object a line each:

    -> {"id": 1, "op": "fork", "node": []}
    <- {"id": 1, "result": {"child": 1, "pid": 4242, "port": 40001, "log": "..."}}

The first line out has id 0 and describes the root itself. "node" is the path
of child numbers from the root to the emulator that is meant: a command for a
fork (or for a fork of a fork) is handed down from parent to child, so that one
channel steers the whole tree.

    fork   copies node: os.fork, then a server of its own on a free port
    close  ends "child" of node, and with it all forks of that child
    call   one boto3 call to "endpoint"; always carried out by the root
    dump   all that node's moto holds, as paths with their values

Nothing here outlives its parent: end of input ends a process at once, every
child reads from a pipe that only its parent can write, and on Linux the kernel
is asked to kill the child when its parent dies.
"""

import base64
import contextlib
import ctypes
import datetime
import heapq
import io
import itertools
import json
import os
import queue
import select
import shutil
import signal
import stat
import sys
import threading
import traceback
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore.config
import botocore.exceptions
import moto.backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.serving import WSGIRequestHandler, make_server

# How long a fork waits for what is in flight, and a close for the child's end.
PATIENCE = 120.0


class Gate:
    """Counts what is inside. While it is closed nothing more gets in."""

    def __init__(self):
        self._changed = threading.Condition()
        self._inside = 0
        self._shut = False

    def __enter__(self):
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._inside += 1

    def __exit__(self, *_):
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    @contextlib.contextmanager
    def closed(self, what):
        """Holds the gate closed and empty."""
        with self._changed:
            self._shut = True
            empty = self._changed.wait_for(lambda: self._inside == 0, PATIENCE)
        try:
            if not empty:
                raise TimeoutError(f"{what} still in flight after {PATIENCE:.0f} s")
            yield
        finally:
            with self._changed:
                self._shut = False
                self._changed.notify_all()


class Handler(WSGIRequestHandler):
    """Keeps connections open, answers without Nagle's delay, logs no success."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code="-", size="-"):
        pass


class Application:
    """moto behind a gate; names what it refuses in the log.

    An action that moto does not implement gets a 501 with an error that SDKs
    understand. moto's own answer, a 500 with HTML, makes them try again for
    minutes.
    """

    def __init__(self, moto):
        self.moto = moto
        self.gate = Gate()

    def __call__(self, environ, start_response):
        with self.gate:
            service, action = describe(environ)
            answer = {}

            def remember(status, headers, exc_info=None):
                answer["status"] = status
                return start_response(status, headers, exc_info)

            try:
                body = collect(self.moto(environ, remember))
            except NotImplementedError:
                note("UNIMPLEMENTED", service, action)
                return refuse(service, action, environ, start_response)
            except Exception:
                note("FAILED", service, action)
                raise  # werkzeug writes the traceback and answers 500
            self.inspect(answer.get("status", ""), body, service, action)
            return [body]

    @staticmethod
    def inspect(status, body, service, action):
        """Logs errors; a 404 that is a web page means that moto has no such route."""
        if status.startswith("404") and body.startswith(b"<!doctype html>"):
            note("UNIMPLEMENTED", service, action)
        elif status[:1] in ("4", "5"):
            note(f"HTTP {status[:3]}", service, action)


def collect(chunks):
    try:
        return b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def describe(environ):
    """The request's service (as signed) and its action, or method and path."""
    service = "-"
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2]
    parts = scope.split(",")[0].split("/")
    if len(parts) == 5:
        service = parts[3]
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return service, target.rpartition(".")[2]
    return service, form_action(environ) or "{REQUEST_METHOD} {PATH_INFO}".format(**environ)


def form_action(environ):
    """Action= of a form. Reads the body, and puts it back for moto."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return None
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("Action", [None])[0]


def refuse(service, action, environ, start_response):
    """The answer to an unimplemented action, in the shape the caller reads."""
    message = f"moto does not implement {service} {action}"
    content_type = environ.get("CONTENT_TYPE", "")
    error = f"<Error><Code>NotImplemented</Code><Message>{message}</Message></Error>"
    if service == "ec2":
        kind, body = "text/xml", f"<Response><Errors>{error}</Errors></Response>"
    elif content_type.startswith("application/x-www-form-urlencoded"):
        kind, body = "text/xml", f"<ErrorResponse>{error}</ErrorResponse>"
    elif service == "s3":
        kind, body = "text/xml", error
    else:
        kind = "application/json"
        body = json.dumps({"__type": "NotImplemented", "message": message})
    data = body.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(data))),
               ("X-Amzn-ErrorType", "NotImplemented")]
    start_response("501 NOT IMPLEMENTED", headers)
    return [data]


def note(kind, service, action):
    """One line of the log; Unimplemented in log.go reads them."""
    print(f"{kind} {service} {action}", file=sys.stderr, flush=True)


class Node:
    """One emulator of the tree: its server, its forks and its channel."""

    def __init__(self, moto, folder, control_in, control_out, name):
        self.app = Application(moto)
        self.folder = folder
        self.control_in = control_in  # file descriptor
        self.control_out = control_out  # file descriptor
        self.name = name
        self.calls = Gate()
        self.caller = Caller()
        self.workers = ThreadPoolExecutor(max_workers=8)
        self.children = {}
        self.born = 0
        self.writing = threading.Lock()

    def run(self, on_end):
        """Serves until the channel ends. Never returns."""
        server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=Handler)
        os.environ["MOTO_PORT"] = str(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.reply({"id": 0, "result": {
            "pid": os.getpid(), "port": server.server_port, "log": self.log_path()}})
        commands = queue.SimpleQueue()
        threading.Thread(target=self.listen, args=(commands, on_end), daemon=True).start()
        while True:
            self.handle(commands.get())

    def log_path(self):
        return os.path.join(self.folder, self.name + ".log")

    def listen(self, commands, on_end):
        """Reads commands in a thread of its own, so that the end is never missed."""
        try:
            with os.fdopen(self.control_in, "rb", closefd=False) as lines:
                for line in lines:
                    commands.put(json.loads(line))
        finally:
            on_end()
            os._exit(0)

    def reply(self, message):
        with self.writing:
            data = json.dumps(message).encode() + b"\n"
            while data:
                data = data[os.write(self.control_out, data):]

    def handle(self, command):
        if command["op"] == "call":
            self.workers.submit(self.answer, command, self.call)
        else:
            self.answer(command, self.steer)

    def answer(self, command, work):
        """Runs work and replies with its result or its error, whatever happens."""
        message = {"id": command["id"]}
        try:
            message["result"] = work(command)
        except Refused as error:
            message.update(error.message)
        except botocore.exceptions.ClientError as error:
            message["error"] = error.response["Error"].get("Message") or str(error)
            message["code"] = error.response["Error"].get("Code", "")
        except Exception as error:
            traceback.print_exc()
            message["error"] = f"{type(error).__name__}: {error}"
        self.reply(message)

    def call(self, command):
        with self.calls:
            return self.caller.call(command)

    def steer(self, command):
        """Does fork and close here, or hands them down to the node that is meant."""
        if command["node"]:
            child = self.child(command["node"][0])
            return child.ask({**command, "node": command["node"][1:]})
        if command["op"] == "fork":
            return self.fork()
        if command["op"] == "dump":
            with self.app.gate.closed("a request"):
                return dump()
        if command["op"] == "close":
            self.child(command["child"]).end()
            del self.children[command["child"]]
            return {}
        raise ValueError(f"unknown op {command['op']!r}")

    def child(self, number):
        if number not in self.children:
            raise LookupError(f"no fork {number} here: it is closed")
        return self.children[number]

    def fork(self):
        self.born += 1
        name = f"{self.name}.{self.born}"
        down, up = os.pipe(), os.pipe()
        parent = os.getpid()
        # Calls first: a call in flight may still need a request to get in.
        with self.calls.closed("a call"), self.app.gate.closed("a request"):
            pid = os.fork()
            if pid == 0:
                self.be_child(parent, down[0], up[1], name)
        os.close(down[0])
        os.close(up[1])
        child = Child(pid, down[1], up[0])
        try:
            started = child.hear()
        except Exception:
            child.end()
            raise
        self.children[self.born] = child
        return {**started, "child": self.born}

    def be_child(self, parent, control_in, control_out, name):
        """The child's whole life, on the parent's main thread's stack."""
        try:
            die_with(parent)
            let_go(keep={control_in, control_out})
            node = Node(self.app.moto, self.folder, control_in, control_out, name)
            redirect(node.log_path())
            node.run(on_end=lambda: None)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)


class Refused(Exception):
    """A fork's own error reply, to be passed on as it is."""

    def __init__(self, message):
        super().__init__(message["error"])
        self.message = message


class Child:
    """A parent's end of a fork."""

    def __init__(self, pid, down, up):
        self.pid = pid
        self.down = down
        self.up = up
        self.rest = b""

    def ask(self, command):
        os.write(self.down, json.dumps(command).encode() + b"\n")
        return self.hear()

    def hear(self):
        """The next reply's result. Raises when the fork has died or is silent."""
        while b"\n" not in self.rest:
            if not select.select([self.up], [], [], 2 * PATIENCE)[0]:
                raise TimeoutError(f"fork {self.pid} is silent")
            data = os.read(self.up, 65536)
            if not data:
                raise BrokenPipeError(f"fork {self.pid} has died")
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        message = json.loads(line)
        if "error" in message:
            raise Refused({key: message[key] for key in ("error", "code") if key in message})
        return message["result"]

    def end(self):
        """Closes the channel, which ends the fork; kills it if it doesn't end."""
        os.close(self.down)
        if not select.select([self.up], [], [], PATIENCE)[0]:
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.up)


class Caller:
    """boto3 clients, kept: the first of a service costs 50 ms and more."""

    def __init__(self):
        self.session = None
        self.clients = {}
        self.making = threading.Lock()
        self.config = botocore.config.Config(
            retries={"max_attempts": 0},
            connect_timeout=5,
            read_timeout=PATIENCE - 10,
            max_pool_connections=8,
            inject_host_prefix=False,
            proxies={},
            s3={"addressing_style": "path"},
        )

    def call(self, command):
        client = self.client(
            command["service"], command["region"], command["endpoint"], command.get("key") or "test")
        method = getattr(client, command["method"])
        result = method(**arguments(command.get("params") or {}))
        if isinstance(result, dict):
            result.pop("ResponseMetadata", None)
        return plain(result)

    def client(self, *key):
        # Making clients is not thread-safe; using them is.
        with self.making:
            if key not in self.clients:
                service, region, endpoint, access = key
                self.session = self.session or boto3.session.Session()
                self.clients[key] = self.session.client(
                    service, region_name=region, endpoint_url=endpoint, config=self.config,
                    aws_access_key_id=access, aws_secret_access_key="test")
            return self.clients[key]


def dump():
    """All that moto holds: where each plain value is, and what it is. What several
    things refer to is told where it is fewest steps from its service, and rather in
    a collection of its own than as an attribute of another thing, which may go."""
    found, seen, todo = {}, set(), []
    born = itertools.count()

    def meet(steps, path, value):
        if value is None or isinstance(value, (bool, int, float, str, bytes)):
            found[path] = repr(value)
        elif isinstance(value, (datetime.datetime, datetime.date)):
            found[path] = value.isoformat()
        elif id(value) not in seen:
            heapq.heappush(todo, (steps, next(born), path, value))

    for service in sorted(moto.backends.list_of_moto_modules()):
        backends = getattr(sys.modules.get(f"moto.{service}.models"), f"{service}_backends", None)
        if backends is None:
            continue  # nobody has used it
        for account, regions in sorted(backends.items()):
            for region, backend in sorted(regions.items()):
                meet(0, f"{service}/{account}/{region}", backend)
    while todo:
        steps, _, path, value = heapq.heappop(todo)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            for key, item in list(value.items()):
                meet(steps + 1, f"{path}/{key}", item)
        elif isinstance(value, (list, tuple, set, frozenset)):
            items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            for number, item in enumerate(items):
                meet(steps + 1, f"{path}/{number}", item)
        elif of_moto(value):
            for name, item in sorted(vars(value).items()):
                meet(steps + (3 if steps and of_moto(item) else 1), f"{path}.{name}", item)
    return found


def of_moto(value):
    return type(value).__module__.startswith("moto.") and hasattr(value, "__dict__")


def arguments(value):
    """JSON to boto3's parameters: {"$base64": "..."} is bytes."""
    if isinstance(value, dict):
        if set(value) == {"$base64"}:
            return base64.b64decode(value["$base64"])
        return {key: arguments(item) for key, item in value.items()}
    if isinstance(value, list):
        return [arguments(item) for item in value]
    return value


def plain(value):
    """boto3's result to JSON: bytes as text if they are, dates as RFC 3339."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if hasattr(value, "read"):
        return plain(value.read())
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def die_with(parent):
    """Asks Linux for SIGKILL at the parent's end; elsewhere the pipe must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def let_go(keep):
    """Gives up the sockets and pipes inherited from the parent.

    Held open here, they would keep the parent's clients, its forks and Go from
    ever seeing them end. /dev/null takes their place, because Python objects
    that know the numbers still exist, and must not close what comes later.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        number = int(name)
        if number in keep or number == null:
            continue
        with contextlib.suppress(OSError):  # the folder's own, closed by now
            mode = os.fstat(number).st_mode
            if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
                os.dup2(null, number, inheritable=False)
    os.close(null)


def redirect(log):
    """Sends everything printed to the log; nothing is left to read."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.close(null)


def main():
    folder = sys.argv[1]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the Go side decides
    control_in, control_out = os.dup(0), os.dup(1)
    redirect(os.path.join(folder, "root.log"))
    moto = DomainDispatcherApplication(create_backend_app)
    node = Node(moto, folder, control_in, control_out, "root")
    node.run(on_end=lambda: shutil.rmtree(folder, ignore_errors=True))


if __name__ == "__main__":
    main()
