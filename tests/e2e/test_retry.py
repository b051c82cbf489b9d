# SPDX-License-Identifier: Apache-2.0
"""What a destination does wrong costs time, never a record; every try of one submission carries the
same key."""
import json
import re
import time

from daemon import wait_for


def keys_of(receiver, entity):
    return [
        one["headers"]["idempotency-key"]
        for one in receiver.exchanges
        if json.loads(one["body"])["id"] == entity
    ]


def test_retried_after_500_with_the_same_key(tenon, receiver):
    receiver.break_it(status=500, count=3)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    row = wait_for(lambda: tenon.submissions(state="succeeded"), "the submission to succeed")[0]
    keys = keys_of(receiver, "evt-1")
    assert (len(keys), len(set(keys)), row["attempts"]) == (4, 1, 4)
    shown = tenon.get("/api/v1/submissions/%d" % row["number"]).json
    assert [one.get("http_status") for one in shown["history"]] == [500, 500, 500, 200]
    assert [one["state"] for one in shown["history"]] == [
        "retrying",
        "retrying",
        "retrying",
        "succeeded",
    ]
    assert shown["changed_at"] >= shown["last_attempt_at"]
    told = tenon.cli("why", "evt-1").stdout
    assert told.count(": retrying, HTTP 500") == 3 and ": succeeded, HTTP 200" in told, told
    assert "pending" not in told, told
    header, listed = tenon.cli("submission", "list").stdout.splitlines()[:2]
    assert re.match(r"(\d+ m?s ago|now)\b", listed[header.index("CHANGED") :]), listed


def test_retry_after_is_honoured(tenon, receiver):
    receiver.break_it(status=429, count=1, retry_after=2)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.submissions(state="succeeded"), "the submission to succeed")
    first, second = (one["at"] for one in receiver.exchanges)
    assert second - first >= 1.9  # base is 50 ms, so the wait is Retry-After's


def test_retry_after_of_one_pauses_the_lane_not_its_neighbour(tenon, receiver, make_receiver):
    other = make_receiver()
    receiver.break_it(status=503, retry_after=3600)
    tenon.webhook("paused", receiver.url("/in"))
    tenon.webhook("free", other.url("/in"))
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(200)))
    wait_for(lambda: other.stats()["records"] == 200, "the neighbour's 200 records")
    assert tenon.states("paused").get("succeeded", 0) == 0
    assert receiver.stats()["requests"] <= 64, "a lane that is told to wait goes on asking"


def test_receiver_down_then_up(tenon, make_receiver):
    receiver = make_receiver()
    port = receiver.port
    receiver.stop()
    tenon.webhook("hooks", "http://127.0.0.1:%d/in" % port)
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(100)))
    wait_for(lambda: tenon.states("hooks").get("retrying"), "a try that failed")
    back = make_receiver(port=port)
    wait_for(lambda: back.stats()["records"] == 100, "100 records once the receiver is back")
    assert back.stats()["duplicates"] == 0
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 100}, "100 successes")


def test_a_refused_record_blocks_nobody(tenon, receiver):
    receiver.answer = lambda exchange: (
        (422, {}, b'{"error":"no venue"}')
        if json.loads(exchange["body"])["id"] == "bad"
        else (200, {}, b"{}")
    )
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "bad"}, *({"id": "evt-%d" % number} for number in range(50)))
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": 50, "failed": 1}, "50 successes, one failure"
    )
    assert keys_of(receiver, "bad") and len(keys_of(receiver, "bad")) == 1
    why = tenon.why("bad").body.decode()
    assert "422" in why and "no venue" in why, why


def test_a_lost_answer_is_unknown_and_goes_again_with_its_key(tenon, receiver):
    receiver.break_it(how="lost", count=1)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    row = wait_for(lambda: tenon.submissions(state="succeeded"), "the submission to succeed")[0]
    stats = receiver.stats()
    assert (stats["unique"], stats["duplicates"], stats["changed"]) == (1, 1, 0)
    attempts = tenon.get("/api/v1/submissions/%d" % row["number"]).json["history"]
    assert [one.get("error_class", one.get("http_status")) for one in attempts] == ["unknown", 200]


def test_out_of_tries_is_failed_and_kept_and_can_be_asked_for_again(tenon, receiver):
    receiver.break_it(status=500)
    tenon.webhook(
        "hooks", receiver.url("/in"), retry="[retry]\nbase = 10ms\nmax = 20ms\nmax_attempts = 3\n"
    )
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"failed": 1}, "the submission to fail")
    assert len(keys_of(receiver, "evt-1")) == 3
    receiver.mend()
    tenon.cli("submit", "hooks", "--selector", "failed")
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": 1}, "the submission to succeed after all"
    )
    assert len(set(keys_of(receiver, "evt-1"))) == 1


def test_a_slow_destination_does_not_hold_the_api(tenon, receiver):
    def slowly(_):
        receiver.lock.wait(2)  # gives the lock away meanwhile
        return 200, {}, b"{}"

    receiver.answer = slowly
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(20)))
    started = time.monotonic()
    assert tenon.get("/api/v1/status").status == 200
    assert time.monotonic() - started < 1
    wait_for(lambda: receiver.stats()["records"] == 20, "20 slow deliveries")
