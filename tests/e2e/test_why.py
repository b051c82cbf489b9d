# SPDX-License-Identifier: Apache-2.0
"""`tenon why` has an answer for every way that an entity can go or not go: who looked, what refused
and where that stands, each attempt, what comes next and when."""
import datetime
import json
import threading

import pytest
from daemon import TOP, build_plugin, free_port, hold_answers, wait_for

TICKETS = """[integration]
plugin = ticketfairy
base_url = %s
[select]
type = event
selector = unsubmitted
[retry]
max_attempts = 1
"""
GOOD_EVENT = {"id": "gig", "title": "A concert", "start": "2026-12-01T20:00:00Z"}


def told(tenon, entity, integration):
    """The story of one entity at one integration."""
    answer = tenon.why(entity, integration)
    assert answer.status == 200, answer
    (one,) = answer.json["integrations"]
    return one


def when(tenon, entity, integration, ready, what):
    """The same, once it is as expected."""
    found = {}

    def ask():
        found["one"] = told(tenon, entity, integration)
        return ready(found["one"])

    wait_for(ask, what, timeout=30)
    return found["one"]


def newest(one):
    return one["submissions"][0] if one["submissions"] else {"state": None}


def in_state(state):
    return lambda one: newest(one)["state"] == state


def line_of(tenon, name, key):
    path = tenon.conf / (name + ".ini")
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if line.startswith(key))
    return "%s:%d" % (path, number)


def test_a_clause_that_refuses_is_named_by_its_line(tenon, receiver):
    tenon.webhook("typed", receiver.url("/a"), select="type = talk\n")
    tenon.webhook("picky", receiver.url("/b"), select="type = event\nwhere = .price > 10\n")
    tenon.webhook("odd", receiver.url("/c"), more="[transform]\njq = .price.amount\n")
    tenon.webhook("empty", receiver.url("/d"), more="[transform]\njq = empty\n")
    tenon.start()
    tenon.add({"id": "evt-1", "price": 5})

    one = when(tenon, "evt-1", "picky", in_state("skipped"), "the refusal")
    assert newest(one)["reason"] == "where `.price > 10` gave false (%s)" % line_of(
        tenon, "picky", "where"
    )
    assert one["looked"] is True and one["looked_at"] and newest(one)["history"] == []
    assert one["command"] == "tenon submission retry %d" % newest(one)["number"]

    one = told(tenon, "evt-1", "typed")
    assert one["submissions"] == [] and "retry" not in json.dumps(one)
    assert "type 'event' is not wanted" in one["explanation"]
    assert line_of(tenon, "typed", "type") in one["explanation"]
    assert one["now"]["refused_by"] == "type" and one["now"]["verdict"] == "skipped"

    one = when(tenon, "evt-1", "odd", in_state("failed"), "the transform to fail")
    assert "Cannot index number" in newest(one)["reason"]
    assert line_of(tenon, "odd", "jq") in newest(one)["reason"]
    assert newest(one)["history"][0]["error_class"] == "validation"

    one = when(tenon, "evt-1", "empty", in_state("skipped"), "the transform to give nothing")
    assert newest(one)["reason"].startswith("[transform] jq gave nothing to send")

    every = tenon.why("evt-1").json["integrations"]
    assert [one["integration"] for one in every] == ["empty", "odd", "picky", "typed"]


def test_a_plugin_says_why_itself(tenon, receiver):
    tenon.ini("shop", TICKETS % receiver.url())
    tenon.start()
    tenon.add(
        {**GOOD_EVENT, "id": "off", "status": "cancelled"},
        {**GOOD_EVENT, "id": "priceless", "price": {"amount": "a lot"}},
    )
    one = when(tenon, "off", "shop", in_state("skipped"), "the selector to refuse")
    assert newest(one)["reason"] == "selector unsubmitted: the event is cancelled (%s)" % line_of(
        tenon, "shop", "selector"
    )
    one = when(tenon, "priceless", "shop", in_state("failed"), "the transformer to fail")
    assert "price.amount: a number" in newest(one)["reason"]
    assert newest(one)["history"][0]["state"] == "failed"


def test_what_was_not_looked_at(tenon, receiver):
    """Disabled, by hand alone, not started, deleted, nobody at all."""
    tenon.start()
    tenon.add({"id": "evt-1"}, {"id": "evt-2"})
    assert "no integration is configured" in tenon.cli("why", "evt-1").stdout
    tenon.stop()
    tenon.webhook("hand", receiver.url("/a"), select="type = event\nselector = none\n")
    tenon.webhook("off", receiver.url("/b"))
    off = tenon.conf / "off.ini"
    off.write_text(off.read_text().replace("[select]", "enabled = no\n[select]", 1))
    tenon.webhook("wrong", receiver.url("/c"), select="type = event\nwhere = .price >\n")
    tenon.webhook("good", receiver.url("/d"))
    tenon.start()
    assert told(tenon, "evt-1", "off")["explanation"] == (
        "the integration is disabled: [integration] enabled = no (%s)"
        % line_of(tenon, "off", "enabled")
    )
    one = told(tenon, "evt-1", "hand")
    assert "takes only what is asked for by hand" in one["explanation"]
    assert one["command"] == "tenon submit hand --entity evt-1"
    assert tenon.cli(*one["command"].split()[1:]).returncode == 0
    when(tenon, "evt-1", "hand", in_state("succeeded"), "what was asked for by hand")
    one = told(tenon, "evt-1", "wrong")
    assert one["state"] == "failed" and "did not start" in one["explanation"]
    assert "jq does not take" in one["explanation"]
    tenon.call("DELETE", "/api/v1/entities/evt-2")
    assert (
        "deleted" in told(tenon, "evt-2", "good")["explanation"]
        or newest(told(tenon, "evt-2", "good"))["state"]
    )
    assert tenon.why("nobody").status == 404
    assert tenon.why("evt-1", "nobody").status == 404


def test_attempts_and_what_comes_next(tenon, receiver):
    receiver.break_it(status=500, count=1)
    tenon.webhook("hooks", receiver.url("/in"), retry="[retry]\nbase = 1h\nmax = 1h\n")
    tenon.start()
    tenon.add({"id": "evt-1"})
    one = when(tenon, "evt-1", "hooks", in_state("retrying"), "the first attempt to fail")
    (attempt,) = newest(one)["history"]
    assert attempt["http_status"] == 500 and attempt["error_class"] == "server"
    assert attempt["state"] == "retrying" and attempt["duration_ms"] > 0
    assert attempt["request"] == "POST " + receiver.url("/in")
    assert "broken on purpose" in attempt["answer"]
    assert one["next"] == "it is tried again"
    times = [
        datetime.datetime.fromisoformat(text[:23])
        for text in (one["next_at"], newest(one)["next_try_at"])
    ]
    assert abs(times[0] - times[1]) < datetime.timedelta(seconds=1)  # told by two clocks
    tenon.cli("submission", "retry", newest(one)["number"])
    one = when(tenon, "evt-1", "hooks", in_state("succeeded"), "the retry by hand")
    assert len(newest(one)["history"]) == 2 and one["next"].startswith("nothing")
    assert one["looked_at"] == newest(one)["history"][0]["started_at"]


def test_failed_unknown_and_discarded(tenon, receiver):
    receiver.break_it(how="lost", count=1)
    tenon.webhook("hooks", receiver.url("/in"), retry="[retry]\nbase = 1h\nmax = 1h\n")
    tenon.start()
    tenon.add({"id": "lost"})
    one = when(tenon, "lost", "hooks", in_state("unknown"), "the answer to be lost")
    assert "answer never seen" in one["next"] and one["next_at"]
    receiver.break_it(status=422)
    tenon.add({"id": "bad"})
    one = when(tenon, "bad", "hooks", in_state("failed"), "the refusal")
    number = newest(one)["number"]
    assert one["command"] == "tenon submission retry %d" % number
    assert "kept until it is retried" in one["next"]
    tenon.cli("submission", "discard", number)
    one = told(tenon, "bad", "hooks")
    assert newest(one)["reason"] == "discarded by hand" and "by hand" in one["next"]


def test_versions_wait_for_each_other(tenon, receiver):
    go_on = threading.Event()
    receiver.answer = lambda exchange: (200 if go_on.wait(60) else 500, {}, b"{}")
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1", "n": 1})
    one = when(tenon, "evt-1", "hooks", in_state("in_flight"), "version 1 to be on its way")
    assert "on its way now" in one["next"]
    for n in (2, 3):
        tenon.add({"id": "evt-1", "n": n})
        one = when(
            tenon,
            "evt-1",
            "hooks",
            lambda one: newest(one).get("version") == n,
            "version %d to wait" % n,
        )
        assert newest(one)["state"] == "pending"
        assert "it waits for version 1" in one["next"] and "in flight" in one["next"]
    states = [(row["version"], row["state"]) for row in one["submissions"]]
    assert states == [(3, "pending"), (2, "superseded"), (1, "in_flight")]
    assert one["submissions"][1]["superseded_by"] == {
        "number": newest(one)["number"],
        "version": 3,
        "state": "pending",
    }
    go_on.set()
    one = when(tenon, "evt-1", "hooks", in_state("succeeded"), "version 3")
    assert one["submissions"][1]["superseded_by"]["state"] == "succeeded"


def test_a_lane_that_waits_says_what_for(tenon, receiver):
    receiver.break_it(status=503, retry_after=3600)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "first"})
    one = when(tenon, "first", "hooks", in_state("retrying"), "the destination to ask for quiet")
    assert one["next"] == "it is tried again" and "paused" in one["waits_for"]
    tenon.add({"id": "second"})
    one = told(tenon, "second", "hooks")
    assert one["looked"] is False and one["will_look"] is True and one["next_at"]
    assert "not looked at yet" in one["explanation"] and "paused" in one["explanation"]
    assert "Retry-After" in one["explanation"]
    assert one["now"]["wanted"] is True


def test_an_open_breaker_is_named(tenon):
    tenon.webhook(
        "hooks",
        "http://127.0.0.1:%d/in" % free_port(),
        more="[breaker]\nconnection_failures = 1\nopen = 1h\nopen_max = 1h\n",
    )
    tenon.start()
    tenon.add({"id": "evt-1"})
    one = when(
        tenon,
        "evt-1",
        "hooks",
        lambda one: one["state"] == "breaker-open"
        and newest(one)["state"] in ("pending", "retrying"),
        "the record to wait for the breaker",
    )
    assert one["waits_for"].startswith("the integration is breaker-open: ") and one["next_at"]


def hostile(tenon, how, more):
    """A plugin that misbehaves on evil records, as the integration `bad`."""
    plugins = tenon.folder / "plugins"
    build_plugin(
        TOP / "tests/e2e/plugins/hostile.c", plugins / "bad.so", 'NAME="bad"', "HOW=" + how
    )
    tenon.host_ini(plugins=[plugins])
    tenon.ini(
        "bad",
        "[integration]\nplugin = bad\nbase_url = http://127.0.0.1:1\n%s"
        "[retry]\nbase = 10ms\nmax = 50ms\n" % more,
    )
    tenon.start()


def test_a_plugin_that_hangs_is_not_waited_for(tenon):
    hostile(tenon, "LOOP", "call_timeout = 1h\n[select]\ntype = event\nselector = none\n")
    tenon.add({"id": "evil-1", "text": "evil"}, {"id": "evt-2", "text": "good"})
    tenon.cli("submit", "bad", "--entity", "evil-1")
    when(tenon, "evil-1", "bad", in_state("in_flight"), "the plugin to hang")
    assert told(tenon, "evt-2", "bad")["now"] == {"words": "its plugin takes too long to say"}
    assert "takes too long" in tenon.cli("why", "evt-2", "bad").stdout
    assert "it is on its way now" in tenon.cli("why", "evil-1", "bad").stdout


def test_looking_does_not_kill_the_plugin_again(tenon):
    hostile(tenon, "NULL_POINTER", "[select]\ntype = event\n")
    tenon.add({"id": "evil-1", "text": "evil"})
    one = when(tenon, "evil-1", "bad", in_state("failed"), "the record to be parked")
    crashes = tenon.integration("bad")["worker"]["crashes"]
    for _ in range(6):
        assert "not come through" in tenon.cli("why", "evil-1", "bad").stdout
    assert tenon.integration("bad")["worker"]["crashes"] == crashes
    assert newest(one)["history"][-1]["reason"] in tenon.cli("why", "evil-1").stdout


def test_delivered_once_is_delivered(tenon, receiver):
    tenon.webhook("once", receiver.url("/a"), select="type = event\nselector = unsubmitted\n")
    tenon.start()
    tenon.add({"id": "evt-1", "n": 1})
    when(tenon, "evt-1", "once", in_state("succeeded"), "version 1")
    tenon.add({"id": "evt-1", "n": 2})
    one = when(
        tenon, "evt-1", "once", lambda one: not one.get("will_look"), "version 2 to be passed over"
    )
    number = newest(one)["number"]
    assert one["explanation"] == (
        "version 1 was delivered (submission %d), and selector = unsubmitted delivers an entity "
        "once (%s)" % (number, line_of(tenon, "once", "selector"))
    )
    assert one["command"] == "tenon submit once --entity evt-1"


def test_an_update_during_the_first_delivery_is_not_delivered(tenon, receiver):
    """As a moment later it is not."""
    hold_answers(receiver)
    tenon.webhook("once", receiver.url("/a"), select="type = event\nselector = unsubmitted\n")
    tenon.start()
    tenon.add({"id": "evt-1", "n": 1})
    when(tenon, "evt-1", "once", in_state("in_flight"), "version 1 to be on its way")
    wait_for(lambda: receiver.counters["requests"] == 1, "version 1 to be there")
    tenon.add({"id": "evt-1", "n": 2})
    when(tenon, "evt-1", "once", in_state("pending"), "version 2 to wait")
    receiver.answer = None
    with receiver.lock:
        receiver.lock.notify_all()
    one = when(tenon, "evt-1", "once", in_state("skipped"), "version 2 to be left out")
    words = "version 1 was delivered, and selector = unsubmitted delivers an entity once"
    assert newest(one)["reason"] == words and words in tenon.cli("why", "evt-1").stdout
    assert [json.loads(exchange["body"])["n"] for exchange in receiver.exchanges] == [1]
    tenon.cli("submit", "once", "--entity", "evt-1")
    when(tenon, "evt-1", "once", in_state("succeeded"), "version 2, which was asked for")
    assert [json.loads(exchange["body"])["n"] for exchange in receiver.exchanges] == [1, 2]


def test_an_integration_that_is_gone(tenon, receiver):
    tenon.webhook("former", receiver.url("/a"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    when(tenon, "evt-1", "former", in_state("succeeded"), "the delivery")
    tenon.stop()
    (tenon.conf / "former.ini").unlink()
    tenon.start()
    one = told(tenon, "evt-1", "former")
    assert one["state"] == "removed" and newest(one)["history"][0]["http_status"] == 200
    assert "not configured any more" in one["next"]


def test_rendered_shows_the_request_without_secrets(tenon, receiver):
    tenon.environment["HOOK_KEY"] = "very-secret-key"
    auth = "[auth]\ntype = api_key\nkey = ${env:HOOK_KEY}\n"
    receiver.break_it(status=422)
    tenon.webhook("hooks", receiver.url("/in"), more=auth + "[transform]\njq = {name: .title}\n")
    tenon.start()
    tenon.add({"id": "evt-1", "title": "x" * 600, "echo": "very-secret-key"})
    when(tenon, "evt-1", "hooks", in_state("failed"), "the refusal")
    assert "rendered" not in told(tenon, "evt-1", "hooks")
    answer = tenon.get("/api/v1/why?entity=evt-1&integration=hooks&rendered=yes")
    rendered = answer.json["integrations"][0]["rendered"]
    request = rendered["requests"][0]
    assert rendered["as_of"] == "now" and request["url"] == receiver.url("/in")
    assert json.loads(request["body"]) == {"name": "x" * 600}
    excerpt = tenon.cli("why", "evt-1", "hooks").stdout
    whole = tenon.cli("why", "evt-1", "--rendered").stdout
    assert "as it would be rendered now:" in excerpt and "--rendered shows all" in excerpt
    assert "x" * 600 in whole and "x" * 600 not in excerpt
    for text in (answer.body.decode(), excerpt, whole):
        assert "very-secret-key" not in text


@pytest.mark.parametrize("columns", [50, 80])
def test_fits_the_terminal(tenon, receiver, columns):
    receiver.break_it(status=422)
    tenon.webhook("hooks-with-a-long-name", receiver.url("/a/rather/long/path/" + "p" * 60))
    tenon.webhook("picky", receiver.url("/b"), select="type = event\nwhere = .price > 10\n")
    tenon.webhook("typed", receiver.url("/c"), select="type = talk\n")
    tenon.start()
    tenon.add({"id": "evt-1", "title": "A title that is long " * 10, "price": 1})
    when(tenon, "evt-1", "hooks-with-a-long-name", in_state("failed"), "the refusal")
    when(tenon, "evt-1", "picky", in_state("skipped"), "the refusal")
    tenon.environment["COLUMNS"] = str(columns)
    shown = tenon.cli("why", "evt-1", "--rendered").stdout
    assert max(map(len, shown.splitlines())) <= columns, shown
    flat = " ".join(shown.split())
    for words in ("attempt 1", "HTTP 422", "where `.price > 10` gave false", "next: nothing"):
        assert words in flat, shown
