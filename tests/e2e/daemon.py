# SPDX-License-Identifier: Apache-2.0
"""tenond as the tests use it: its folder, its ini files, its process tree, its API over the Unix
socket, its client."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import openapi

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", TOP / "build")).resolve()
# Sanitized and emulated runs are slower; deadlines stretch, tests do not wait longer than they have
# to.
PATIENCE = float(os.environ.get("TENON_PATIENCE", "1"))

SANITIZED = (
    b"__asan_init" in (BUILD / "host/tenond").read_bytes()
    if (BUILD / "host/tenond").exists()
    else False
)

QUICK_RETRY = "[retry]\nbase = 50ms\nmax = 400ms\nmax_attempts = 100\n"


def hold_answers(receiver):
    """Takes each request and answers none until somebody notifies receiver.lock, or for long."""

    def hang(_):
        receiver.lock.wait(90)
        return 200, {}, b"{}"

    receiver.answer = hang


def wait_for(ask, what, timeout=20.0, every=0.02):
    """Asks until the answer is true and gives it back; says what was waited for, and the last
    answer, when it never is."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(
                "waited %g s for %s; the last answer was %r" % (timeout * PATIENCE, what, answer)
            )
        time.sleep(every)


GIVEN_PORTS = set()


def free_port():
    """Below those that the system gives out by itself, and none twice: nobody gets it before it is
    listened at."""
    while True:
        port = random.randrange(10000, 32000)
        if port in GIVEN_PORTS:
            continue
        GIVEN_PORTS.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def descendants(pid):
    """The process and everything below it, children first. Read from /proc, so also what left its
    process group."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = []

    def walk(one):
        for child in children.get(one, []):
            walk(child)
        found.append(one)

    walk(pid)
    return found


def copy_plugins(target):
    """The build's plugins into a folder of this user: a checkout may belong to somebody else, and
    is then not trusted."""
    target.mkdir(mode=0o755)
    for path in (BUILD / "plugins").rglob("*.so"):
        shutil.copy(path, target / path.name)
        (target / path.name).chmod(0o755)
    return target


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "<%d %s>" % (self.status, self.body[:400])


class Tenon:
    def __init__(self, folder, plugins=()):
        self.folder = pathlib.Path(folder)
        self.conf = self.folder / "conf.d"
        self.state = self.folder / "state"
        self.store_folder = self.state  # a test may put the store elsewhere
        self.socket = self.folder / "api.sock"
        self.log = self.folder / "tenond.log"
        self.port = free_port()
        self.process = None
        self.document = None  # its OpenAPI document, once asked for
        self.environment = {}
        self.plugins = copy_plugins(self.folder / "shipped")
        self.conf.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        self.host_ini(plugins=plugins)

    # ---- configuration ---------------------------------------------------------------------------

    def host_ini(
        self, plugins=(), host="", api="", store="", log="level = debug\n", store_url=None
    ):
        text = "[host]\nplugin_path = %s\n%s\n" % (
            ":".join(map(str, [*plugins, self.plugins])),
            host,
        )
        text += "[api]\nsocket = %s\nlisten = 127.0.0.1:%d\n%s\n" % (self.socket, self.port, api)
        text += "[store]\nurl = %s\n%s\n" % (store_url or "sqlite:%s/tenon.db" % self.state, store)
        text += "[log]\n" + log
        (self.conf / "tenon.ini").write_text(text)

    def ini(self, name, text):
        (self.conf / (name + ".ini")).write_text(text)

    def webhook(self, name, url, select="type = event\n", settings="", more="", retry=QUICK_RETRY):
        """An integration of the webhook plugin that posts to `url`, split into base_url and
        [settings] path."""
        parts = urllib.parse.urlsplit(url)
        text = "[integration]\nplugin = webhook\nbase_url = %s://%s\n[select]\n%s" % (
            parts.scheme,
            parts.netloc,
            select,
        )
        text += "%s%s[settings]\npath = %s\n%s" % (retry, more, parts.path or "/", settings)
        self.ini(name, text)

    # ---- life ------------------------------------------------------------------------------------

    def start(self, wait=True, arguments=()):
        command = [
            str(BUILD / "host/tenond"),
            "--conf",
            str(self.conf),
            "--state",
            str(self.state),
            *arguments,
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        if wait:
            wait_for(self.is_up, "tenond to answer /health")
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(
                "tenond ended with %s:\n%s" % (self.process.returncode, self.log_text()[-4000:])
            )
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/health").status == 200
        return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        return descendants(self.process.pid) if self.is_running() else []

    def workers(self):
        return [pid for pid in self.pids() if pid != self.process.pid]

    def kill(self):
        """SIGKILL to the whole tree, the daemon last so that nobody is restarted, then gone."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGSTOP)
            for pid in descendants(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self, timeout=20.0):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout * PATIENCE)
        self.process = None
        return status

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # ---- API -------------------------------------------------------------------------------------

    def call(self, method, path, body=None, **more):
        """As ask; the answer is one that the OpenAPI document describes."""
        answer = self.ask(method, path, body, **more)
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may be gone by now
            openapi.check(self, method, path, answer)
        return answer

    def ask(
        self, method, path, body=None, content_type="application/json", timeout=60, headers=None
    ):
        connection = UnixConnection(str(self.socket), timeout * PATIENCE)
        try:
            sent = dict(headers or {})
            if body is not None:
                sent["Content-Type"] = content_type
                body = body.encode() if isinstance(body, str) else body
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Answer(
                response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=b"", **more):
        return self.call("POST", path, body, **more)

    def add(self, *records, type="event"):
        """Records (dicts) as NDJSON; refuses to go on when they were not stored."""
        answer = self.post(
            "/api/v1/entities?type=" + urllib.parse.quote(type),
            "\n".join(json.dumps(record) for record in records),
            content_type="application/x-ndjson",
        )
        assert 200 <= answer.status < 300, answer
        return answer

    def submissions(self, **filters):
        answer = self.get(
            "/api/v1/submissions?" + urllib.parse.urlencode({"limit": 1000, **filters})
        )
        assert answer.status == 200, answer
        return rows_of(answer.json)

    def why(self, entity, integration=None):
        query = (
            {"entity": entity}
            if integration is None
            else {"entity": entity, "integration": integration}
        )
        return self.get("/api/v1/why?" + urllib.parse.urlencode(query))

    def integration(self, name):
        answer = self.get("/api/v1/integrations/" + name)
        assert answer.status == 200, answer
        return answer.json

    def states(self, integration):
        """state -> how many submissions of the integration are in it."""
        found = {}
        for row in self.submissions(integration=integration):
            found[row["state"]] = found.get(row["state"], 0) + 1
        return found

    # ---- client ----------------------------------------------------------------------------------

    def cli(self, *arguments, check=True, stdin=None, timeout=60, program="tenon"):
        run = subprocess.run(
            [str(BUILD / "host" / program), *map(str, arguments)],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=timeout * PATIENCE,
            env={**os.environ, **self.environment, "TENON_CONF": str(self.conf)},
            check=False,
        )
        if check:
            assert run.returncode == 0, "tenon %s: %d\n%s%s" % (
                " ".join(map(str, arguments)),
                run.returncode,
                run.stdout,
                run.stderr,
            )
        return run


def rows_of(answer):
    """The list in a list answer, whatever it is called."""
    if isinstance(answer, list):
        return answer
    return next(value for value in answer.values() if isinstance(value, list))


def run_check(conf):
    """tenond --check: (exit status, everything it said)."""
    run = subprocess.run(
        [str(BUILD / "host/tenond"), "--conf", str(conf), "--check"],
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def build_plugin(source, target, *defines):
    """One compiler line and the one header: what an author does outside the tree."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    subprocess.run(
        [
            "cc",
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-D_GNU_SOURCE",
            "-I%s" % (TOP / "sdk/include"),
            *["-D" + one for one in defines],
            "-o",
            str(target),
            str(source),
        ],
        check=True,
    )
    target.chmod(0o755)
    return target
