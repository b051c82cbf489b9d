# SPDX-License-Identifier: Apache-2.0
"""What was sent and never answered is looked up, where the plugin can, before it is sent again:
what had arrived is not sent twice, what had not is sent, nothing while nobody can tell."""
import http.server
import json
import os
import signal
import socket
import threading

import pytest
from daemon import TOP, build_plugin, wait_for

LOOKUP = "reconcile_path = /by-key/{key}\n"


class Shop(http.server.ThreadingHTTPServer):
    """Takes records by POST and tells by GET /by-key/KEY which it has. `lose(record)` says when it
    hangs up instead of answering: "after" it took the record, or "before"."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.taken = {}  # key -> how often
        self.posts = []
        self.gets = []
        self.lose = lambda record: None
        self.lookup_status = None
        self.gate = threading.Event()
        self.gate.set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path=""):
        return "http://127.0.0.1:%d%s" % (self.server_address[1], path)

    def handle_error(self, request, client_address):
        pass  # whoever hung up is part of the test


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        shop = self.server
        record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        with shop.lock:
            how = shop.lose(record)
            shop.posts.append(record["id"])
            if how != "before":
                shop.taken[key] = shop.taken.get(key, 0) + 1
        shop.gate.wait(60)
        if how is None:
            return self.reply(200, b"{}")
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self):
        shop = self.server
        key = self.path.rsplit("/", 1)[1]
        with shop.lock:
            shop.gets.append({name.lower(): value for name, value in self.headers.items()})
            status = shop.lookup_status or (200 if key in shop.taken else 404)
        self.reply(status, b'{"seen":"%s"}' % key.encode())


@pytest.fixture
def shop():
    server = Shop()
    yield server
    server.shutdown()
    server.server_close()


def history(tenon, entity):
    number = next(row["number"] for row in tenon.submissions() if row["entity"] == entity)
    return tenon.get("/api/v1/submissions/%d" % number).json["history"]


def once(shop, how):
    """Loses the first answer to each record."""
    seen = set()

    def lose(record):
        if record["id"] in seen:
            return None
        seen.add(record["id"])
        return how(record)

    shop.lose = lose


def test_what_had_arrived_is_not_sent_again(tenon, shop):
    once(shop, lambda record: "after")
    tenon.webhook("hooks", shop.url("/in"), settings=LOOKUP, more="[auth]\ntype = none\n")
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 1}, "the submission to succeed")
    assert (shop.posts, len(shop.gets)) == (["evt-1"], 1)
    assert "idempotency-key" not in shop.gets[0], shop.gets
    first, second = history(tenon, "evt-1")
    assert (first["state"], first["error_class"]) == ("unknown", "unknown")
    assert second["state"] == "succeeded" and second["request"].startswith("GET "), second
    assert "an earlier try had arrived" in second["reason"]
    assert "an earlier try had arrived" in tenon.cli("why", "evt-1").stdout


def test_what_had_not_arrived_is_sent(tenon, shop):
    once(shop, lambda record: "before")
    tenon.webhook("hooks", shop.url("/in"), settings=LOOKUP)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 1}, "the submission to succeed")
    assert (shop.posts, len(shop.gets)) == (["evt-1", "evt-1"], 1)
    assert list(shop.taken.values()) == [1]
    second = history(tenon, "evt-1")[1]
    assert second["request"].startswith("POST ") and second["http_status"] == 200
    assert "no earlier try had arrived" in second["reason"]


def test_nothing_is_sent_while_nobody_can_tell(tenon, shop):
    once(shop, lambda record: "after")
    shop.lookup_status = 503
    tenon.webhook("hooks", shop.url("/in"), settings=LOOKUP)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: len(shop.gets) >= 3, "several lookups")
    assert shop.posts == ["evt-1"]
    shop.lookup_status = None
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 1}, "the submission to succeed")
    assert shop.posts == ["evt-1"]
    asked = history(tenon, "evt-1")[1]
    assert (asked["state"], asked["error_class"], asked["http_status"]) == (
        "unknown",
        "server",
        503,
    )
    assert "could not find out whether an earlier try had arrived" in asked["reason"]


def test_without_a_lookup_it_is_sent_again(tenon, shop):
    once(shop, lambda record: "after")
    tenon.webhook("hooks", shop.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 1}, "the submission to succeed")
    assert (shop.posts, shop.gets, list(shop.taken.values())) == (["evt-1"] * 2, [], [2])
    assert "earlier try" not in history(tenon, "evt-1")[1].get("reason", "")


def test_a_tight_rate_does_not_ask_for_ever(tenon, shop):
    once(shop, lambda record: "before")
    tenon.webhook(
        "hooks",
        shop.url("/in"),
        settings=LOOKUP,
        more="[rate_limit]\nrate = 20/s\nburst = 1\n",
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(5)))
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 5}, "5 successes", timeout=60)
    assert len(shop.gets) == 5  # also where a kept connection was closed under the request


def test_a_killed_daemon_repeats_nothing_that_had_arrived(tenon, shop):
    tenon.webhook("hooks", shop.url("/in"), settings=LOOKUP)
    tenon.start()
    shop.gate.clear()
    tenon.add(*({"id": "evt-%d" % number} for number in range(100)))
    wait_for(lambda: len(shop.posts) >= 8, "some requests without an answer")
    tenon.kill()
    shop.gate.set()
    tenon.start()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 100}, "100 successes")
    assert sorted(shop.taken.values()) == [1] * 100
    assert len(shop.posts) == 100 and len(shop.gets) == 100


# ---- a client that submits by itself ----


@pytest.fixture
def ledger(tenon):
    plugins = tenon.folder / "plugins"
    place = tenon.folder / "ledger"
    place.mkdir()
    place.chmod(0o777)

    def start(settings="", *defines, more=""):
        build_plugin(TOP / "tests/e2e/plugins/ledger.c", plugins / "ledger.so", *defines)
        tenon.host_ini(plugins=[plugins])
        tenon.ini(
            "own",
            "[integration]\nplugin = ledger\nallow_paths = %s\n%s[select]\ntype = event\n"
            "[retry]\nbase = 10ms\nmax = 50ms\nmax_attempts = 4\n"
            "[settings]\nledger = %s/file\n%s" % (place, more, place, settings),
        )
        tenon.start()

    start.lines = lambda: (place / "file").read_text().split() if (place / "file").exists() else []
    return start


def test_a_client_of_its_own_protocol_is_asked(tenon, ledger):
    ledger()
    tenon.add({"id": "evt-1", "text": "unsure"}, {"id": "evt-2"})
    wait_for(lambda: tenon.states("own") == {"succeeded": 2}, "both delivered")
    assert ledger.lines() == ["evt-1", "evt-2"]
    first, second = history(tenon, "evt-1")
    assert (first["state"], second["state"]) == ("unknown", "succeeded")
    assert second["reason"] == "an earlier try had arrived: it is in the ledger"
    row = next(row for row in tenon.submissions() if row["entity"] == "evt-1")
    assert row["external_id"] == "evt-1"


def test_a_worker_killed_amid_its_submits_loses_nothing(tenon, ledger):
    ledger("pause_ms = 20\n")
    tenon.add(*({"id": "evt-%d" % number} for number in range(60)))
    wait_for(lambda: len(ledger.lines()) >= 10, "the worker to be amid the batch")
    for pid in tenon.workers():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: tenon.states("own") == {"succeeded": 60}, "60 successes", timeout=60)
    assert sorted(ledger.lines()) == sorted("evt-%d" % number for number in range(60))


def test_a_worker_killed_without_a_lookup_repeats_and_loses_nothing(tenon, ledger):
    ledger("pause_ms = 20\n", "DEAF")
    tenon.add(*({"id": "evt-%d" % number} for number in range(60)))
    wait_for(lambda: len(ledger.lines()) >= 10, "the worker to be amid the batch")
    for pid in tenon.workers():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: tenon.states("own") == {"succeeded": 60}, "60 successes", timeout=60)
    assert set(ledger.lines()) == {"evt-%d" % number for number in range(60)}


def test_a_record_that_kills_in_submit_is_parked_and_nothing_is_repeated(tenon, ledger):
    ledger()
    good = ["evt-%d" % number for number in range(40)]
    tenon.add(
        *({"id": one} for one in good[:13]),
        {"id": "bad-1", "text": "evil"},
        *({"id": one} for one in good[13:30]),
        {"id": "bad-2", "text": "evil"},
        *({"id": one} for one in good[30:]),
    )
    wait_for(
        lambda: tenon.states("own") == {"succeeded": 40, "failed": 2}, "all but two", timeout=60
    )
    assert sorted(ledger.lines()) == sorted(good)
    for row in tenon.submissions(state="failed"):
        assert row["entity"].startswith("bad") and "submit" in row["reason"], row


@pytest.mark.parametrize("form", [[], ["DEAF"]])
def test_a_record_that_hangs_in_submit_costs_the_others_no_end(tenon, ledger, form):
    ledger("", *form, more="call_timeout = 500ms\n")
    good = ["evt-%d" % number for number in range(40)]
    tenon.add(
        *({"id": one} for one in good[:13]),
        {"id": "bad-1", "text": "hang"},
        *({"id": one} for one in good[13:]),
    )
    wait_for(
        lambda: tenon.states("own") == {"succeeded": 40, "failed": 1}, "all but one", timeout=90
    )
    assert set(ledger.lines()) == set(good)
    if not form:
        assert sorted(ledger.lines()) == sorted(good)
    row = tenon.submissions(state="failed")[0]
    assert row["entity"] == "bad-1" and "no answer within 500 ms in submit" in row["reason"], row
