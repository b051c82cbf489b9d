# SPDX-License-Identifier: Apache-2.0
"""Signals: published durably, listed and listened to by pattern, asked for an answer; listeners go
on behind their cursor when the daemon was away."""
import concurrent.futures
import contextlib
import json
import subprocess

import pytest
from daemon import BUILD, UnixConnection, wait_for


def publish(tenon, type, data=None, sender=None):
    body = {"type": type}
    if data is not None:
        body["data"] = data
    if sender is not None:
        body["sender"] = sender
    return tenon.post("/api/v1/signals", json.dumps(body))


class Listener:
    """A stream of /signals/listen, its lines read one by one."""

    def __init__(self, tenon, query=""):
        self.connection = UnixConnection(str(tenon.socket), 60)
        self.connection.request("GET", "/api/v1/signals/listen" + query)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.cursor = self.next()["cursor"]

    def next(self):
        line = self.answer.readline()
        return json.loads(line) if line else None

    def close(self):
        # The response holds the socket as well.
        self.answer.close()
        self.connection.close()


@pytest.fixture
def daemon(tenon):
    return tenon.start()


def test_published_ones_are_listed_by_pattern_and_sender(daemon):
    tenon = daemon
    tenon.post("/ingest?type=event", '{"id": "e-1"}')
    assert publish(tenon, "order.paid", {"total": 7}, "shop").status == 201
    seq = publish(tenon, "order.sent", sender="till").json["seq"]
    found = tenon.get("/api/v1/signals?type=order.*").json
    assert [item["type"] for item in found["items"]] == ["order.paid", "order.sent"]
    assert found["items"][0]["sender"] == "shop"
    assert found["items"][0]["data"] == {"total": 7}
    assert found["items"][1]["seq"] == seq
    assert found["next"] is None
    found = tenon.get("/api/v1/signals?type=**&sender=tenon&limit=1").json
    assert found["items"][0]["type"] == "entity.created"
    assert found["items"][0]["entity"] == "e-1"
    assert found["items"][0]["entity_type"] == "event"
    assert len(tenon.get("/api/v1/signals?since=1h&sender=till").json["items"]) == 1
    assert tenon.get("/api/v1/signals?since=2999-01-01T00:00:00Z").json["items"] == []


def test_what_is_refused_says_why(daemon):
    tenon = daemon
    for body, words in [
        ('{"type": "order paid"}', "is not a word"),
        ('{"type": "entity.created"}', "the host's own"),
        ('{"type": "a", "sender": "tenon"}', "the host itself"),
        ('{"sender": "a"}', "type is empty"),
        ('{"type": "a", "date": 1}', "'date' is no member"),
        ('{"type": 1}', "is to be a text"),
        ("[1]", "expected a JSON object"),
        ("{", "line 1"),
    ]:
        answer = tenon.post("/api/v1/signals", body)
        assert answer.status in (400, 409), body
        assert words in answer.json["detail"], answer
    big = json.dumps({"type": "a", "data": "x" * (128 << 10)})
    assert tenon.post("/api/v1/signals", big).status == 413
    assert tenon.get("/api/v1/signals?type=a..b").status == 400
    assert tenon.get("/api/v1/signals/listen?since=yesterday").status == 400
    assert tenon.get("/api/v1/signals").json["items"] == []


def test_a_listener_hears_what_it_named_and_goes_on_behind_its_cursor(daemon):
    tenon = daemon
    publish(tenon, "order.paid", 1)
    with contextlib.closing(Listener(tenon, "?type=order.**")) as live:
        publish(tenon, "other.thing")
        publish(tenon, "order.paid", 2, "shop")
        publish(tenon, "order.sent.late", {"a": "line\nend"})
        first = live.next()
        assert (first["type"], first["data"], first["sender"]) == ("order.paid", 2, "shop")
        assert live.next()["data"] == {"a": "line\nend"}
        assert live.cursor < first["seq"]
    with contextlib.closing(Listener(tenon, "?type=order.*&after=%d" % first["seq"])) as again:
        publish(tenon, "order.paid", 3)
        assert again.next()["data"] == 3
    with contextlib.closing(Listener(tenon, "?type=order.*&since=1h&limit=2")) as old:
        assert [old.next()["data"], old.next()["data"]] == [1, 2]
        assert old.next() is None


def test_records_under_load_all_reach_a_listener_in_order(daemon):
    tenon = daemon
    with contextlib.closing(Listener(tenon, "?type=entity.created")) as live:
        for batch in range(20):
            lines = ['{"id": "e-%d"}' % (batch * 500 + i) for i in range(500)]
            assert tenon.post("/ingest?type=event", "\n".join(lines)).status == 200
        heard = [live.next() for _ in range(10000)]
    assert [line["entity"] for line in heard] == ["e-%d" % i for i in range(10000)]
    seqs = [line["seq"] for line in heard]
    assert seqs == sorted(seqs)


def test_requests_find_an_answer_or_say_why_not(daemon):
    tenon = daemon
    body = json.dumps({"type": "price.get", "data": {"id": 7}, "timeout": "30s"})
    nobody = tenon.post("/api/v1/signals/request", body)
    assert (nobody.status, nobody.json["code"]) == (404, "no_subscriber")
    with contextlib.closing(Listener(tenon)) as passive:
        assert tenon.post("/api/v1/signals/request", body).status == 404
        with contextlib.closing(Listener(tenon, "?type=price.*&answers=1")) as clerk:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                asked = pool.submit(tenon.post, "/api/v1/signals/request", body)
                heard = clerk.next()
                assert heard["data"] == {"id": 7} and "seq" not in heard
                reply = {"request": heard["request"], "sender": "clerk", "data": {"price": 3}}
                assert tenon.post("/api/v1/signals/reply", json.dumps(reply)).status == 200
                assert tenon.post("/api/v1/signals/reply", json.dumps(reply)).status == 404
                assert asked.result().json == {"sender": "clerk", "data": {"price": 3}}
            late = json.dumps({"type": "price.get", "timeout": "50ms"})
            answer = tenon.post("/api/v1/signals/request", late)
            assert (answer.status, answer.json["code"]) == (504, "timeout")
        assert passive.next()["type"] == "price.get"
    bad = json.dumps({"type": "price.get", "timeout": "soon"})
    assert tenon.post("/api/v1/signals/request", bad).status == 400


def test_an_integration_tells_that_it_is_active(tenon, receiver):
    tenon.webhook("hook", receiver.url())
    tenon.start()
    found = wait_for(
        lambda: tenon.get("/api/v1/signals?type=integration.*").json["items"], "the signal"
    )
    assert found[0]["data"] == {"integration": "hook"}
    assert found[0]["sender"] == "tenon"


def test_the_client_publishes_requests_and_says_what_is_wrong(daemon):
    tenon = daemon
    shown = tenon.cli("signal", "publish", "order.paid", "id=17", "total=20.5", "note=a b")
    assert shown.stdout.startswith("published order.paid (seq ")
    tenon.cli("signal", "publish", "order.paid", "[1, 2]", "--sender", "shop")
    tenon.cli("signal", "publish", "order.none")
    items = tenon.get("/api/v1/signals").json["items"]
    assert items[0]["data"] == {"id": 17, "total": 20.5, "note": "a b"}
    assert (items[0]["sender"], items[1]["sender"]) == ("cli", "shop")
    assert items[1]["data"] == [1, 2]
    assert "data" not in items[2]
    for arguments, code, words in [
        (("publish", "order.paid", "{"), 2, "neither NAME=VALUE nor JSON"),
        (("publish", "order.paid", "a=1", "b=1", "a=2"), 2, "'a' is given twice"),
        (("publish", "order.paid", "a=1", "b"), 2, "'b' is neither"),
        (("publish", "entity.created"), 1, "the host's own"),
        (("request", "price.get", "--timeout", "2s"), 1, "nobody is there to answer"),
        (("listen", "a..b"), 1, "is not a word"),
        (("listen", "--limit", "0"), 2, "limit"),
    ]:
        run = tenon.cli("signal", *arguments, check=False)
        assert run.returncode == code and words in run.stderr, run


def test_the_client_listens_over_a_restart(daemon):
    tenon = daemon
    command = ["signal", "listen", "order.*", "--after", "0", "--json", "--limit", "4"]
    publish(tenon, "order.0")
    with subprocess.Popen(
        [str(BUILD / "host/tenon"), *command, "--conf", str(tenon.conf)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        lines = [json.loads(run.stdout.readline())]
        tenon.kill()
        assert "waits for it" in run.stderr.readline()
        tenon.start()
        for i in 1, 2, 3:
            assert publish(tenon, "order.%d" % i, i).status == 201
        lines += [json.loads(line) for line in run.stdout]
        assert "goes on behind %d" % lines[0]["seq"] in run.stderr.readline()
    assert run.returncode == 0
    assert [line["type"] for line in lines] == ["order.%d" % i for i in range(4)]


def test_lines_fit_a_terminal(daemon):
    tenon = daemon
    publish(tenon, "order.paid", {"text": "x" * 200}, "shop")
    tenon.environment["COLUMNS"] = "60"
    shown = tenon.cli("signal", "listen", "--after", "0", "--limit", "1").stdout
    assert "order.paid shop" in shown and shown.endswith("\u2026\n")
    assert len(shown) == 61


def test_the_end_of_a_submission_is_told_while_somebody_listens(tenon, receiver):
    tenon.webhook("hook", receiver.url())
    tenon.start()
    tenon.add({"id": "e-1"})
    wait_for(lambda: receiver.stats()["records"] == 1, "the first delivery")
    assert tenon.get("/api/v1/signals?type=submission.*").json["items"] == []
    with contextlib.closing(Listener(tenon, "?type=submission.succeeded")) as live:
        tenon.add({"id": "e-2"})
        told = live.next()
        data = told["data"]
        assert (told["sender"], data["integration"], data["entity"]) == ("tenon", "hook", "e-2")
        wait_for(
            lambda: tenon.get("/api/v1/submissions/%d" % data["submission"]).json["state"]
            == "succeeded",
            "the submission",
        )
    assert len(tenon.get("/api/v1/signals?type=submission.*").json["items"]) == 1
