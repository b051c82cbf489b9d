# SPDX-License-Identifier: Apache-2.0
"""What failed is kept and found again by what it was, and goes out once somebody says so: by
number, by filter, by a jq expression, with a dry run first."""
import concurrent.futures
import contextlib
import json
import os
import pty
import subprocess
import threading

import pytest
from daemon import BUILD, wait_for

BAD = b'{"error":"the price is wrong"}'


def refuse_cheap(exchange):
    """A destination that refuses what costs less than 10 for good."""
    price = json.loads(exchange["body"]).get("price", 0)
    return (422, {}, BAD) if price < 10 else (200, {}, b'{"ok":true}')


def accept(exchange):
    return (200, {}, b"{}")


def records(*prices):
    return [{"id": "evt-%d" % price, "price": price} for price in prices]


def settled(tenon, count, **filters):
    return wait_for(
        lambda: len(tenon.submissions(**filters)) == count,
        "%d submissions of %s" % (count, filters),
        timeout=30,
    )


def ids(rows):
    return sorted(row["entity"] for row in rows)


def keys(receiver, entity):
    return [
        one["headers"]["idempotency-key"]
        for one in receiver.exchanges
        if json.loads(one["body"])["id"] == entity
    ]


def on_terminal(tenon, *arguments):
    """The client with a terminal for its standard error: (output, what the terminal got)."""
    leader, follower = pty.openpty()
    run = subprocess.run(
        [str(BUILD / "host/tenon"), *map(str, arguments)],
        env={**os.environ, "TENON_CONF": str(tenon.conf)},
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
        check=True,
    )
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while piece := os.read(leader, 65536):
            shown += piece
    os.close(leader)
    return run.stdout, shown


@pytest.fixture
def shop(tenon, receiver):
    """One integration; events of prices 1 to 6 failed, 20 and 30 arrived."""
    receiver.answer = refuse_cheap
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add(*records(1, 2, 3, 4, 5, 6, 20, 30))
    settled(tenon, 6, state="failed")
    settled(tenon, 2, state="succeeded")
    return tenon


def test_list_by_filter(shop):
    assert ids(shop.submissions(state="failed", where=".price > 4")) == ["evt-5", "evt-6"]
    assert len(shop.submissions(state="failed,succeeded")) == 8
    assert len(shop.submissions(state="failed", **{"class": "validation"})) == 6
    assert shop.submissions(state="failed", **{"class": "connection"}) == []
    assert len(shop.submissions(state="failed", since="1h")) == 6
    assert shop.submissions(state="failed", until="1h") == []
    assert shop.submissions(state="failed", since="2999-01-01T00:00:00Z") == []
    assert ids(shop.submissions(entity="evt-3", state="failed")) == ["evt-3"]
    shown = shop.cli("submission", "list", "--state", "failed", "--where", ".price > 5").stdout
    assert "evt-6" in shown and "evt-5" not in shown


def test_list_pages_with_where(shop):
    found = []
    path = "/api/v1/submissions?limit=2&state=failed&where=.price%3C5"
    after = ""
    while True:
        page = shop.get(path + after).json
        found += page["items"]
        assert len(page["items"]) <= 2
        if page["next"] is None:
            break
        after = "&after=%d" % page["next"]
    assert ids(found) == ["evt-1", "evt-2", "evt-3", "evt-4"] and len(found) == 4
    listed = shop.cli(
        "submission", "list", "--json", "--limit", "3", "--state", "failed", "--where", ".price<5"
    )
    assert len(json.loads(listed.stdout)["items"]) == 3


def test_bad_filters_are_told(shop):
    for query, words in (
        ("state=broken", "'broken' is none of pending, in_flight"),
        ("since=yesterday", "since: 'yesterday' is neither a time"),
        ("class=bad", "class: 'bad' is none of connection"),
        ("where=.price+%3E", "jq does not take `.price >`"),
        ("integration=nobody", "nobody"),
    ):
        answer = shop.get("/api/v1/submissions?" + query)
        assert answer.status in (400, 404), (query, answer)
        assert words in answer.json["detail"], (query, answer)
    run = shop.cli("submission", "retry", "--where", ".price |", check=False)
    assert run.returncode == 1 and "jq does not take" in run.stderr and "line 1" in run.stderr


def test_where_that_fails_or_never_ends_costs_nobody(shop, receiver):
    workers = shop.workers()  # before there is one for the expressions
    answer = shop.get("/api/v1/submissions?state=failed&where=.price.currency.name%3D%3D1").json
    assert answer["items"] == [] and answer["where_failed"] == 6
    assert "Cannot index" in answer["where_words"]
    endless = shop.call(
        "GET", "/api/v1/submissions?state=failed&where=def%20f:%20f;%20f", timeout=120
    )
    assert endless.status == 400 and "where `def f: f; f`" in endless.json["detail"], endless
    assert set(workers) <= set(shop.workers())
    shop.add({"id": "evt-99", "price": 99})
    settled(shop, 3, state="succeeded")


def test_where_that_ends_its_worker_says_nothing_against_the_plugin(shop):
    """This jq takes the time of a billion billion seconds for impossible, and ends by it."""
    asked = "/api/v1/submissions?state=failed&where="
    with concurrent.futures.ThreadPoolExecutor(8) as askers:  # of one worker
        answers = list(askers.map(shop.get, [asked + "1e18%7Ctodate"] * 32))
    assert any(b"SIGABRT" in answer.body for answer in answers), answers[0].body
    assert shop.log_text().count("worker died") > 5
    assert not (shop.state / "quarantine.json").exists()
    wait_for(lambda: shop.get(asked + ".price%3C5").status == 200, "an honest one", timeout=60)


def test_where_needs_the_jq_plugin(tenon):
    (tenon.plugins / "jq.so").unlink()
    tenon.start()
    answer = tenon.get("/api/v1/submissions?where=.a")
    assert answer.status == 409 and "a jq expression needs the plugin 'jq'" in answer.json["detail"]
    assert tenon.get("/api/v1/submissions").status == 200


def test_retry_by_number_and_by_filter(shop, receiver):
    receiver.answer = accept
    one = shop.submissions(entity="evt-1")[0]
    said = shop.cli("submission", "retry", one["number"]).stdout
    assert said == "1 queued to be tried again\n"
    settled(shop, 1, entity="evt-1", state="succeeded")
    assert len(set(keys(receiver, "evt-1"))) == 1 and len(keys(receiver, "evt-1")) == 2
    dry = shop.cli("submission", "retry", "--where", ".price >= 4", "--dry-run").stdout
    assert dry.startswith("3 would be tried again\n") and "evt-6" in dry
    assert len(shop.submissions(state="failed")) == 5
    assert "3 queued" in shop.cli("submission", "retry", "--where", ".price >= 4").stdout
    settled(shop, 4 + 2, state="succeeded")
    everything = json.loads(shop.cli("submission", "retry", "--all", "--json").stdout)
    assert (everything["matched"], everything["moved"]) == (2, 2)
    settled(shop, 8, state="succeeded")
    assert shop.cli("submission", "retry", "--all").stdout == "nothing matches\n"
    history = shop.get("/api/v1/submissions/%d" % one["number"]).json["history"]
    assert [attempt["state"] for attempt in history] == ["failed", "succeeded"]


def test_nothing_moves_by_accident(shop):
    run = shop.cli("submission", "retry", check=False)
    assert run.returncode == 2 and "--all" in run.stderr
    run = shop.cli("submission", "discard", "1", "--all", check=False)
    assert run.returncode == 2
    for body in ("{}", "", '{"state":""}', '{"numbers":[1],"state":"failed"}', '{"numbers":[]}'):
        assert shop.post("/api/v1/submissions/discard", body).status == 400, body
    for name in ("integration", "entity", "state", "since", "until", "class", "where"):
        # As a script has it whose variable is not set: not less is meant, but not everything.
        run = shop.cli("submission", "discard", "--" + name, "", check=False)
        assert run.returncode == 2 and "--%s is empty" % name in run.stderr, run
        body = json.dumps({"integration": "hooks", name: ""})
        answer = shop.post("/api/v1/submissions/discard", body)
        assert answer.status == 400 and name + ": it is empty" in answer.json["detail"], answer
        answer = shop.get("/api/v1/submissions?%s=" % name)
        assert answer.status == 400 and name + ": it is empty" in answer.json["detail"], answer
    answer = shop.post("/api/v1/submissions/retry", '{"integraton":"hooks"}')
    assert answer.status == 400 and "'integraton' is no member" in answer.json["detail"]
    assert len(shop.submissions(state="failed")) == 6


def test_discard(shop):
    number = shop.submissions(entity="evt-1")[0]["number"]
    assert shop.cli("submission", "discard", number).stdout == "1 discarded\n"
    row = shop.submissions(entity="evt-1")[0]
    assert (row["state"], row["reason"]) == ("skipped", "discarded by hand")
    again = shop.cli("submission", "discard", number, check=False)
    assert again.returncode == 1 and "1 not moved: over" in again.stdout
    assert "5 discarded" in shop.cli("submission", "discard", "--integration", "hooks").stdout
    assert shop.submissions(state="failed") == []
    missing = shop.cli("submission", "retry", "4711", check=False)
    assert missing.returncode == 1 and "not found" in missing.stdout


def test_replay_of_what_was_delivered(shop, receiver):
    receiver.answer = accept
    assert "1 queued" in shop.cli(
        "submission", "retry", "--state", "succeeded", "--where", ".price == 20"
    ).stdout
    wait_for(lambda: len(keys(receiver, "evt-20")) == 2, "the replay")
    assert len(set(keys(receiver, "evt-20"))) == 1
    settled(shop, 2, state="succeeded")
    shop.cli("submission", "retry", "--state", "succeeded", "--entity", "evt-20", "--new-key")
    wait_for(lambda: len(keys(receiver, "evt-20")) == 3, "the replay under a new key")
    assert len(set(keys(receiver, "evt-20"))) == 2
    row = shop.submissions(entity="evt-20")[0]
    assert row["idempotency_key"] == keys(receiver, "evt-20")[2]
    dry = json.loads(
        shop.cli("submit", "hooks", "--entity", "evt-20", "--dry-run", "--json").stdout
    )
    assert dry["requests"][0]["headers"]["Idempotency-Key"] == row["idempotency_key"]


def test_in_flight_and_superseded_are_left_and_counted(tenon, receiver):
    receiver.break_it(status=500)
    tenon.webhook("hooks", receiver.url("/in"), retry="[retry]\nmax_attempts = 1\n")
    tenon.start()
    tenon.add({"id": "evt-1", "price": 1})
    settled(tenon, 1, state="failed")
    old = tenon.submissions()[0]["number"]
    tenon.add({"id": "evt-1", "price": 2})
    settled(tenon, 2, state="failed")
    said = json.loads(tenon.cli("submission", "retry", "--all", "--dry-run", "--json").stdout)
    assert said["matched"] == 2 and said["moved"] == 1 and said["not_moved"] == {"superseded": 1}
    assert [row["version"] for row in said["first"]] == [2, 1]
    run = tenon.cli("submission", "retry", old, check=False)
    assert run.returncode == 1 and "1 not moved: superseded" in run.stdout
    go_on = threading.Event()
    receiver.mend()
    receiver.answer = lambda exchange: (200 if go_on.wait(60) else 500, {}, b"{}")
    tenon.add({"id": "evt-2", "price": 2})
    away = settled(tenon, 1, state="in_flight") and tenon.submissions(entity="evt-2")[0]["number"]
    run = tenon.cli("submission", "retry", away, check=False)
    go_on.set()
    assert run.returncode == 1 and "1 not moved: in flight" in run.stdout
    settled(tenon, 1, state="succeeded")


def test_failed_selector(shop, receiver):
    receiver.answer = accept
    assert shop.cli("submit", "hooks", "--selector", "failed").stdout.startswith("6 queued")
    settled(shop, 8, state="succeeded")


def test_failed_as_the_configured_selector(tenon, receiver):
    """An integration that takes nothing by itself: by hand, and then what failed of it by hand."""
    receiver.answer = refuse_cheap
    tenon.webhook("hooks", receiver.url("/in"), select="type = event\nselector = failed\n")
    tenon.start()
    tenon.add(*records(1, 20))
    assert tenon.submissions() == []
    tenon.cli("submit", "hooks", "--entity", "evt-1")
    settled(tenon, 1, state="failed")
    receiver.answer = accept
    tenon.cli("submit", "hooks", "--selector", "failed")
    settled(tenon, 1, state="succeeded")
    assert ids(tenon.submissions()) == ["evt-1"]


def test_many_in_pieces(tenon):
    """More than one request does: the client goes on until all are moved."""
    many = 12000
    tenon.webhook("hooks", "http://127.0.0.1:1/in", more="[transform]\njq = .n.none\n")
    tenon.start()
    for start in range(0, many, 2000):
        tenon.add(*({"id": "evt-%d" % i, "n": i} for i in range(start, start + 2000)))

    def failed():
        return tenon.integration("hooks")["submissions"].get("failed", 0)

    wait_for(lambda: failed() == many, "all to fail", timeout=60)
    piece = tenon.post("/api/v1/submissions/retry", '{"all":true,"dry_run":true,"limit":700}').json
    assert piece["matched"] == piece["moved"] == 700 and piece["next"] > 0
    said, shown = on_terminal(tenon, "submission", "discard", "--where", ".n % 2 == 0")
    assert said == "6,000 discarded\n"
    assert b"records" in shown and shown.endswith(b"\r\x1b[K")  # progress, and gone when done
    assert failed() == many - 6000
    rows = tenon.cli("submission", "list", "--state", "failed", "--json", "--limit", "1000").stdout
    assert all(int(row["entity"][4:]) % 2 == 1 for row in json.loads(rows)["items"])
    assert tenon.cli("submission", "retry", "--all").stdout == "6,000 queued to be tried again\n"
    wait_for(lambda: failed() == many - 6000, "all of them to have failed again", timeout=60)
    assert tenon.submissions(state="failed", limit=1)[0]["attempts"] == 2


def test_narrow_terminals(shop):
    for columns in (40, 50, 80):
        shop.environment["COLUMNS"] = str(columns)
        shown = shop.cli("submission", "list").stdout
        assert max(map(len, shown.splitlines())) <= columns, shown
        assert "evt-" in shown


def test_stops_while_an_expression_runs(shop):
    """The daemon does not wait for it, and the client is told."""
    answers = []

    def ask():
        try:
            path = "/api/v1/submissions?state=failed&where=def%20f:%20f;%20f"
            answers.append(shop.call("GET", path, timeout=60).status)
        except OSError as error:
            answers.append(error)

    workers = len(shop.workers())
    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: len(shop.workers()) > workers, "the expression's worker")
    assert shop.stop(timeout=30) == 0, shop.log_text()[-2000:]
    asking.join(30)
    assert answers and answers != [200]
