# SPDX-License-Identifier: Apache-2.0
"""Everything that can wait waits at once: for a plugin, a destination, a client, another
integration, a program that never ends. Then whoever it waits for ends, or tenond does: everybody is
told or hung up on, nothing is touched that is gone, nothing is left."""
import contextlib
import hashlib
import hmac
import json
import os
import signal
import threading

import pytest
from daemon import PATIENCE, TOP, UnixConnection, build_plugin, hold_answers, wait_for
from live import Live
from mcp import META, MODERN, Bare

NO_RECORDS = "[select]\nselector = none\n"
ENDLESS = "def f: f; f"
INTEGRATIONS = {
    "calc": "plugin = calculator\n",
    "deeds": "plugin = deeds\ncall_timeout = 60s\n",
    "r1": "plugin = relay\ncall_timeout = 60s\n",
    "r2": "plugin = relay\ncall_timeout = 60s\n",
    "talk": "plugin = talker\n",
}


@pytest.fixture
def waiting(tenon, receiver):
    more = tenon.folder / "more"
    for source in ("calculator/calculator", "relay/relay"):
        build_plugin(TOP / ("examples/%s.c" % source), more / (source.split("/")[0] + ".so"))
    for name in ("deeds", "talker", "asker", "hearer"):
        build_plugin(TOP / ("tests/e2e/plugins/%s.c" % name), more / (name + ".so"))
    slow = tenon.folder / "slow.c"
    slow.write_text(
        (TOP / "examples/calculator/calculator.c").read_text().replace('"calculator"', '"slow"')
        + "#include <unistd.h>\n"
        + "__attribute__((constructor)) static void load(void) { sleep(90); }\n"
    )
    build_plugin(slow, more / "slow.so")
    tenon.host_ini(plugins=[more])
    with open(tenon.conf / "tenon.ini", "a") as ini:
        ini.write("[mcp]\naccess = write\n")
    for name, text in INTEGRATIONS.items():
        tenon.ini(name, "[integration]\nmcp = write\n" + text + NO_RECORDS)
    place = tenon.folder / "place"
    place.mkdir()
    place.chmod(0o777)
    tenon.environment["HOOK_SECRET"] = "s" * 32
    tenon.ini(
        "hears",
        "[integration]\nplugin = hearer\ncall_timeout = 60s\nallow_paths = %s\n%s"
        "[settings]\npath = %s/heard\n" % (place, NO_RECORDS, place),
    )
    base = "[integration]\nplugin = %s\nbase_url = %s\ncall_timeout = 60s\ntimeout = 60s\n"

    hold_answers(receiver)
    tenon.ini("asks", base % ("asker", receiver.url("/base")) + NO_RECORDS)
    tenon.ini(
        "sends",
        base % ("webhook", receiver.url("/")) + "[select]\ntype = event\n[settings]\npath = /\n",
    )
    tenon.ini(
        "maps",
        base % ("webhook", receiver.url("/")) + NO_RECORDS + "[settings]\npath = /\n[hook]\n"
        "scheme = hmac\nheader = X-Sig\nsigned = {body}\nencoding = hex\n"
        "secret = ${env:HOOK_SECRET}\njq = %s\n" % ENDLESS,
    )
    tenon.ini(
        "picks",
        base % ("webhook", receiver.url("/"))
        + "[select]\ntype = picked\nwhere = %s\n[settings]\npath = /\n" % ENDLESS,
    )
    tenon.ini("later", "[integration]\nplugin = deeds\nenabled = no\n" + NO_RECORDS)
    tenon.start()
    names = [path.stem for path in tenon.conf.glob("*.ini") if path.stem not in ("tenon", "later")]
    for name in names:
        wait_for(lambda: tenon.integration(name)["state"] == "active", name, timeout=60)
    yield tenon
    if tenon.is_running():
        assert tenon.stop(60) == 0
    text = tenon.log_text()
    assert "Sanitizer" not in text and "runtime error" not in text, text[-6000:]


class Waiters:
    def __init__(self, tenon):
        self.tenon = tenon
        self.connections = []
        self.lives = []

    def send(self, method, path, body=None, **headers):
        connection = UnixConnection(str(self.tenon.socket), 90 * PATIENCE)
        body = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(
            method, path, body=body, headers={"Content-Type": "application/json", **headers}
        )
        self.connections.append(connection)

    def live(self):
        live = Live(self.tenon)
        live.say(type="subscribe")
        self.lives.append(live)

    def leave(self):
        for connection in self.connections:
            connection.close()
        for live in self.lives:
            live.socket.close()


def under_way(tenon):
    for line in tenon.get("/metrics").body.decode().splitlines():
        if line.startswith("tenon_api_requests_under_way "):
            return int(line.split()[1])
    return 0


def wait_all(tenon):
    """Starts everything that waits."""
    all = Waiters(tenon)
    deeds = "/api/v1/integrations/%s/actions/%s"
    tenon.add({"id": "e-1"}, {"id": "e-2"})
    tenon.add({"id": "p-1"}, type="picked")
    all.send("GET", "/api/v1/signals/listen?answers=1&type=ask.**")
    all.send("GET", "/api/v1/signals/listen")
    all.live()
    all.live()
    for path in ("logs?follow=1", "tap"):
        all.send("GET", "/api/v1/integrations/sends/" + path)
    all.send("POST", deeds % ("deeds", "misbehave"), {"how": "hang"})
    all.send("POST", deeds % ("deeds", "misbehave"), {"how": "hang"})
    nested = {"action": "deeds.misbehave", "arguments": {"how": "hang"}}
    nested = {"action": "r2.call", "arguments": nested}
    all.send("POST", deeds % ("r1", "call"), nested)
    for _ in range(3):
        all.send("POST", deeds % ("asks", "fetch"), {"url": "/slow"})
    all.send("POST", "/api/v1/signals/request", {"type": "ask.never", "timeout": "50s"})
    all.send("POST", "/api/v1/signals", {"type": "work.one", "data": "hang", "sender": "friend"})
    all.send("POST", "/api/v1/signals/request", {"type": "ask.echo", "timeout": "50s"})
    all.send("POST", "/api/v1/integrations/talk/commands/steps", {"args": []})
    all.send("GET", "/api/v1/integrations/talk/routes/events")
    all.send("GET", "/api/v1/integrations/talk/routes/hang")
    signature = hmac.new(b"s" * 32, b'{"a":1}', hashlib.sha256).hexdigest()
    all.send("POST", "/hooks/maps", '{"a":1}', **{"X-Sig": signature})
    all.send("POST", "/api/v1/integrations/sends/test")
    all.send("POST", "/api/v1/integrations/picks/trigger", {"entity": "p-1", "dry_run": True})
    all.send("POST", "/api/v1/submissions/retry", {"all": True, "where": ENDLESS})
    bare = Bare(tenon, "2025-03-26")
    tool = {"jsonrpc": "2.0", "method": "tools/call"}
    hang = {"name": "deeds_misbehave", "arguments": {"how": "hang"}}
    batch = [{**tool, "id": n, "params": hang} for n in range(3)]
    all.send("POST", "/mcp", batch, **bare.headers)
    all.send("GET", "/mcp", **bare.headers)
    modern = {
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": True}, "_meta": META},
    }  # fmt: skip
    all.send(
        "POST", "/mcp", modern,
        **{"MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen",
           "Accept": "application/json, text/event-stream"},
    )  # fmt: skip
    all.send("POST", "/api/v1/integrations/later/enable")
    newer = {"name": "newer", "ini": "[integration]\nplugin = deeds\n" + NO_RECORDS}
    all.send("POST", "/api/v1/integrations/register", newer)
    all.send("POST", "/api/v1/integrations/r1/deactivate")
    all.send("POST", "/api/v1/integrations/r1/activate")
    all.send("POST", "/api/v1/tokens", {"name": "one", "scope": "read"})
    wait_for(lambda: under_way(tenon) > 22, "all of them to wait", timeout=30)
    tenon.ini("loads", "[integration]\nplugin = slow\n" + NO_RECORDS)
    all.send("POST", "/api/v1/reload")
    for name in ("later", "newer", "loads"):  # which their worker keeps waiting
        wait_for(lambda: ("%s.ini change=" % name) in tenon.log_text(), name + " to be taken")
    return all


def end_at_once(tenon, all):
    tenon.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "stopping" in tenon.log_text(), "the first signal to be heard")
    tenon.process.send_signal(signal.SIGTERM)
    assert tenon.process.wait(60 * PATIENCE) == 0


def end_slowly(tenon, all):
    assert tenon.stop(90) == 0


def end_the_clients(tenon, all):
    all.leave()


def end_the_workers(tenon, all):
    for pid in tenon.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: tenon.integration("deeds")["state"] == "active", "a new worker")


def end_the_integrations(tenon, all):
    for path in tenon.conf.glob("*.ini"):
        if path.stem != "tenon":
            path.unlink()
    tenon.post("/api/v1/reload")
    wait_for(lambda: tenon.get("/api/v1/integrations").json["items"] == [], "all to be gone")


def end_by_hand(tenon, all):
    for row in tenon.get("/api/v1/integrations").json["items"]:
        path = "/api/v1/integrations/%s/deactivate" % row["name"]
        assert tenon.post(path, '{"by": "test"}').status == 200


def end_by_change(tenon, all):
    for path in tenon.conf.glob("*.ini"):
        if path.stem != "tenon":
            text = path.read_text()
            path.write_text(text.replace("[integration]\n", "[integration]\nconcurrency = 3\n"))
    all.send("POST", "/api/v1/reload")  # it waits for workers that are waited for
    wait_for(lambda: "file taken" in tenon.log_text(), "the change to be seen")


ENDS = [
    end_at_once, end_slowly, end_the_clients, end_the_workers, end_the_integrations, end_by_hand,
    end_by_change,
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_whoever_it_waits_for_ends(waiting, receiver, end):
    all = wait_all(waiting)
    end(waiting, all)
    if waiting.process is not None and waiting.process.poll() is None:
        assert waiting.get("/health").status in (200, 503)
        end_at_once(waiting, all)
    all.leave()
    with receiver.lock:
        receiver.lock.notify_all()
