# SPDX-License-Identifier: Apache-2.0
"""A plugin replaced 50 times and an ini changed 50 times under load, a broken one of each in
between. At the destinations: what was lost, what came in the wrong order, and the longest time in
which the lane that nobody touched delivered nothing."""
import contextlib
import http.client
import json
import multiprocessing
import os
import re
import selectors
import socket
import subprocess
import time

from promise import Row, tell
from rig import TOP, Daemon, free_port, get, wait_until

CHANGES = 50
ENTITIES = 500  # as many get new versions all the time
RECORDS_S = 2000
GAP_S = 0.1


class Books:
    """What one destination got: the last version of each entity, mistakes in the order, and when it
    got nothing for longest, both while things changed and while they did not."""

    def __init__(self):
        self.latest = {}
        self.requests = self.disorder = self.repeated = 0
        self.path = ""
        self.at = None
        self.phase = "start"
        self.gaps = {}  # phase -> the longest, s
        self.long = {}  # phase -> how many were longer than promised

    def take(self, path, record):
        now = time.monotonic()
        known = self.latest.get(record["id"], -1)
        self.disorder += record["n"] < known
        self.repeated += record["n"] == known
        self.latest[record["id"]] = max(known, record["n"])
        self.requests += 1
        self.path = path
        if self.at is not None:
            self.gaps[self.phase] = max(self.gaps.get(self.phase, 0), now - self.at)
            self.long[self.phase] = self.long.get(self.phase, 0) + (now - self.at > GAP_S)
        self.at = now

    def told(self):
        return {
            "sum": sum(self.latest.values()),
            "entities": len(self.latest),
            "requests": self.requests,
            "disorder": self.disorder,
            "repeated": self.repeated,
            "path": self.path,
            "gaps": self.gaps,
            "long": self.long,
        }


def answer_request(books, head, body):
    line = head.split(b"\r\n", 1)[0].decode()
    method, path, _ = line.split(" ")
    reply = b"{}"
    if method == "GET":
        if path.startswith("/__phase/"):
            books.phase = path[len("/__phase/") :]
            books.at = None
        reply = json.dumps(books.told()).encode()
    else:
        books.take(path, json.loads(body))
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply)


def serve(port):
    """One thread in a process of its own, so that a gap is not this program's."""
    books = Books()
    waiting = selectors.DefaultSelector()
    server = socket.create_server(("127.0.0.1", port), backlog=1024)
    server.setblocking(False)
    waiting.register(server, selectors.EVENT_READ)
    buffers = {}
    while True:
        for key, _ in waiting.select():
            peer = key.fileobj
            if peer is server:
                with contextlib.suppress(BlockingIOError):
                    peer, _ = server.accept()
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    buffers[peer] = b""
                    waiting.register(peer, selectors.EVENT_READ)
                continue
            with contextlib.suppress(ConnectionError):
                data = peer.recv(1 << 16)
                if data:
                    buffers[peer] += data
                    while b"\r\n\r\n" in buffers[peer]:
                        head, rest = buffers[peer].split(b"\r\n\r\n", 1)
                        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                        length = int(length.group(1)) if length else 0
                        if len(rest) < length:
                            break
                        buffers[peer] = rest[length:]
                        peer.sendall(answer_request(books, head, rest[:length]))
                    continue
            waiting.unregister(peer)
            del buffers[peer]
            peer.close()


class Destination:
    def __init__(self, stack):
        self.port = free_port()
        self.process = multiprocessing.Process(target=serve, args=(self.port,), daemon=True)
        self.process.start()
        stack.callback(self.process.kill)
        wait_until(self.told, "a destination", 10)

    def told(self, phase=None):
        path = "/__phase/" + phase if phase else "/__told"
        return json.loads(get("http://127.0.0.1:%d%s" % (self.port, path)))


def produce(port, sent, ending):
    """New versions of the same entities and entities that come once, at a steady rate."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started = time.monotonic()
    batch = 10
    while not ending.is_set():
        first = sent.value
        rows = []
        for number in range(first, first + batch):
            rows.append('{"id":"often-%d","n":%d}' % (number % ENTITIES, number))
            rows.append('{"id":"once-%d","n":%d}' % (number, number))
        connection.request(
            "POST", "/ingest", "\n".join(rows), {"Content-Type": "application/x-ndjson"}
        )
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit("bench: intake answered %d" % answer.status)
        sent.value += batch
        behind = started + 2 * sent.value / RECORDS_S - time.monotonic()
        time.sleep(max(behind, 0))


def last_sum(sent):
    """What the numbers of all last versions add up to."""
    return sum(range(sent)) + sum(range(max(sent - ENTITIES, 0), sent))


def plugin_builds(folder):
    """Builds without end: one, with the version's bytes changed."""
    target = folder / "versioned.so"
    command = ["cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-D_GNU_SOURCE"]
    command += ["-I%s" % (TOP / "sdk/include"), '-DPLUGIN_VERSION="v000"', "-o", str(target)]
    subprocess.run([*command, str(TOP / "tests/e2e/plugins/versioned.c")], check=True)
    whole = target.read_bytes()
    target.unlink()
    return lambda number: whole.replace(b"v000", b"v%03d" % number)


def put(data, target):
    beside = target.with_name("." + target.name)
    beside.write_bytes(data)
    beside.chmod(0o755)
    os.replace(beside, target)


def write_ini(conf, name, plugin, port, path=None, retries="100"):
    text = "[integration]\nplugin = %s\nbase_url = http://127.0.0.1:%d\n" % (plugin, port)
    text += "[select]\nselector = changed\n[retry]\nmax_attempts = %s\n" % retries
    put(
        (text + ("[settings]\npath = %s\n" % path if path else "")).encode(), conf / (name + ".ini")
    )


def change_all(ports, plugins, conf, build, destinations):
    """50 of each, one pair at a time: the next comes when both serve."""
    for number in range(1, CHANGES + 1):
        put(build(number), plugins / "versioned.so")
        write_ini(conf, "changed", "webhook", ports["changed"], "/ini/%d" % number)
        for name, path in (("replaced", "/version/v%03d"), ("changed", "/ini/%d")):
            wait_until(
                lambda name=name, path=path % number: destinations[name].told()["path"] == path,
                "change %d of %s" % (number, name),
                60,
            )
        if number == CHANGES // 2:
            put(build(999)[:5000], plugins / "versioned.so")
            write_ini(conf, "changed", "webhook", ports["changed"], "/ini/x", "some")
            time.sleep(2)  # whatever it does about them, it does now


def measure(arguments):
    with contextlib.ExitStack() as stack:
        destinations = {name: Destination(stack) for name in ("sink", "replaced", "changed")}
        ports = {name: one.port for name, one in destinations.items()}
        build = []

        def prepare(folder):
            (folder / "conf.d").mkdir()
            (folder / "plugins").mkdir(mode=0o755)
            build.append(plugin_builds(folder))
            put(build[0](0), folder / "plugins/versioned.so")
            write_ini(folder / "conf.d", "replaced", "versioned", ports["replaced"])
            write_ini(folder / "conf.d", "changed", "webhook", ports["changed"], "/ini/0")

        os.environ["BENCH_SELECTOR"] = "changed"
        daemon = stack.enter_context(Daemon("one", ports["sink"], prepare))
        del os.environ["BENCH_SELECTOR"]
        sent = multiprocessing.Value("q", 0)
        ending = multiprocessing.Event()
        producer = multiprocessing.Process(target=produce, args=(daemon.port, sent, ending))
        producer.start()
        stack.callback(producer.kill)
        wait_until(lambda: sent.value > 2000, "the load", 60)
        destinations["sink"].told("changes")
        started = time.monotonic()
        change_all(
            ports, daemon.folder / "plugins", daemon.folder / "conf.d", build[0], destinations
        )
        took_s = time.monotonic() - started
        destinations["sink"].told("none")
        time.sleep(took_s)  # as long without changes, to compare with
        ending.set()
        producer.join()
        lost = 0
        for name, one in destinations.items():
            with contextlib.suppress(SystemExit):
                wait_until(lambda one=one: one.told()["sum"] == last_sum(sent.value), name, 30)
            lost += one.told()["sum"] != last_sum(sent.value)
        told = {name: one.told() for name, one in destinations.items()}
    tell(json.dumps(told))
    gap_ms, quiet_ms = (told["sink"]["gaps"][phase] * 1000 for phase in ("changes", "none"))
    many, quiet_many = (told["sink"]["long"][phase] for phase in ("changes", "none"))
    disorder = sum(one["disorder"] for one in told.values())
    name = "%d plugins, %d inis, 2 broken: " % (CHANGES, CHANGES)
    how = "%d versions of %d entities to 3 destinations in %.0f s; %d came twice"
    counts = (2 * sent.value, told["sink"]["entities"], took_s)
    repeated = sum(one["repeated"] for one in told.values())
    return [
        Row(
            name + "destinations that lack a last version",
            "%d" % lost,
            "0",
            how % (*counts, repeated),
            lost == 0,
        ),
        Row(
            name + "older after newer",
            "%d" % disorder,
            "0",
            "per entity, at all of them",
            disorder == 0,
        ),
        Row(
            name + "the untouched lane's longest gap",
            "%.0f ms" % gap_ms,
            "<= 100 ms",
            "%d above 100 ms, at its receiver; without changes, when it is the machine's own, %d,"
            " the longest %.0f ms" % (many, quiet_many, quiet_ms),
            many == 0 or many <= quiet_many,
        ),
    ]
