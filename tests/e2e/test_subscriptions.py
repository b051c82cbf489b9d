# SPDX-License-Identifier: Apache-2.0
"""Signals at a plugin's handler: durable ones come all, in order, at least once, over kill -9, a
crash and a reload; what fails is tried again and then parked; requests are answered."""
import json
import os
import re
import signal
import urllib.error
import urllib.request

import pytest
from daemon import TOP, build_plugin, wait_for

INI = """[integration]
plugin = hearer
call_timeout = 2s
allow_paths = %s
[select]
selector = none
[settings]
path = %s/heard
"""


class Hearer:
    def __init__(self, tenon):
        self.tenon = tenon
        self.place = tenon.folder / "place"
        self.place.mkdir()
        self.place.chmod(0o777)
        more = tenon.folder / "more"
        build_plugin(TOP / "tests/e2e/plugins/hearer.c", more / "hearer.so")
        tenon.host_ini(plugins=[more])
        self.write_ini()

    def write_ini(self, more=""):
        self.tenon.ini("hears", INI % (self.place, self.place) + more)

    def start(self):
        self.tenon.start()
        self.wait()
        return self

    def wait(self):
        wait_for(lambda: self.state("work.**") not in (None, "starting"), "it to listen")

    def lines(self, pattern=""):
        path = self.place / "heard"
        text = path.read_text() if path.exists() else ""
        found = [line.split(" ", 4) for line in text.splitlines()]
        return [line for line in found if line[1].startswith(pattern)]

    def subscription(self, pattern):
        shown = self.tenon.integration("hears").get("subscriptions", [])
        return next((one for one in shown if one["pattern"] == pattern), None)

    def state(self, pattern):
        found = self.subscription(pattern)
        return found and found["state"]

    def publish(self, type, data, sender="friend"):
        body = json.dumps({"type": type, "data": data, "sender": sender})
        answer = self.tenon.post("/api/v1/signals", body)
        assert answer.status == 201, answer
        return answer.json["seq"]

    def wait_for_seq(self, seq, pattern="work"):
        wait_for(
            lambda: any(int(line[2]) == seq for line in self.lines(pattern)), "signal %d" % seq
        )


@pytest.fixture
def hearer(tenon):
    return Hearer(tenon).start()


def unique(items):
    return list(dict.fromkeys(items))


def test_durable_ones_come_in_order_and_the_cursor_is_shown(hearer):
    seqs = [hearer.publish("work.%d" % (i % 3), i) for i in range(300)]
    hearer.wait_for_seq(seqs[-1])
    assert [int(line[2]) for line in hearer.lines()] == seqs
    wait_for(lambda: hearer.subscription("work.**")["cursor"] == seqs[-1], "the cursor")
    shown = hearer.subscription("work.**")
    assert shown["handled"] == 300 and shown["durable"] and shown["state"] == "listening"
    metrics = hearer.tenon.get("/metrics").body.decode()
    labels = '{integration="hears",pattern="work.**",outcome="handled"}'
    assert "tenon_subscription_signals_total%s 300\n" % labels in metrics
    assert "tenon_signal_listeners 4\n" in metrics


def test_kill_9_in_the_middle_loses_none(hearer):
    tenon = hearer.tenon
    seqs = []
    for round_ in range(4):
        seqs += [hearer.publish("work.a", "r%d-%d" % (round_, i)) for i in range(150)]
        tenon.kill()
        tenon.start()
    seqs.append(hearer.publish("work.a", "end"))
    hearer.wait_for_seq(seqs[-1])
    heard = [int(line[2]) for line in hearer.lines()]
    assert unique(heard) == seqs  # none lost, in order; a few twice
    assert len(heard) - len(seqs) < 100


def test_what_came_while_it_was_away_comes_then(hearer):
    tenon = hearer.tenon
    hearer.wait_for_seq(hearer.publish("work.a", 0))
    assert tenon.post("/api/v1/integrations/hears/deactivate").status == 200
    seqs = [hearer.publish("work.a", i) for i in range(5)]
    hearer.publish("live.a", 1)
    assert tenon.post("/api/v1/integrations/hears/activate").status == 200
    hearer.wait_for_seq(seqs[-1])
    assert [int(line[2]) for line in hearer.lines("work")][1:] == seqs
    assert hearer.lines("live") == []


def test_a_reload_under_load_changes_nothing(hearer):
    seqs = []
    for round_ in range(5):
        seqs += [hearer.publish("work.a", i) for i in range(40)]
        hearer.write_ini("; round %d\n[metadata]\nround = %d\n" % (round_, round_))
        hearer.tenon.cli("reload")
    seqs.append(hearer.publish("work.a", "end"))
    hearer.wait_for_seq(seqs[-1])
    assert unique(int(line[2]) for line in hearer.lines()) == seqs


def test_failures_are_tried_again_then_parked_and_hold_up_nobody_else(hearer):
    tenon = hearer.tenon
    first = hearer.publish("work.a", "later")
    hearer.wait_for_seq(first)
    hearer.publish("live.a", 1)  # the neighbour does not wait
    wait_for(lambda: hearer.lines("live"), "the neighbour")
    refused = hearer.publish("work.b", "refuse")
    never = hearer.publish("work.c", "never")
    last = hearer.publish("work.d", "fine")
    hearer.wait_for_seq(last)
    assert [line[3] for line in hearer.lines("work.a")] == ["1", "2", "3", "4"]
    assert len(hearer.lines("work.b")) == 1
    assert len(hearer.lines("work.c")) == 5
    shown = wait_for(
        lambda: len(hearer.subscription("work.**").get("parked", [])) == 2
        and hearer.subscription("work.**"),
        "two parked ones",
    )
    assert [(one["seq"], one["reason"], one["attempts"]) for one in shown["parked"]] == [
        (refused, "it is told to refuse", 1),
        (never, "not now", 5),
    ]
    text = tenon.cli("integration", "show", "hears").stdout
    assert "work.**" in text and "parked" in text and "it is told to refuse" in text
    tenon.kill()
    tenon.start()
    hearer.wait()
    assert [one["seq"] for one in hearer.subscription("work.**")["parked"]] == [refused, never]


def parked(hearer, integration="hears"):
    answer = hearer.tenon.get("/api/v1/signals/parked?integration=" + integration)
    assert answer.status == 200, answer
    return answer.json["items"]


def gauge(hearer):
    labels = re.escape('{integration="hears",pattern="work.**"}')
    text = hearer.tenon.get("/metrics").body.decode()
    return int(re.search("tenon_subscription_parked%s (\\d+)\n" % labels, text)[1])


def move(hearer, verb, body):
    path = "/api/v1/integrations/hears/signals/" + verb
    return hearer.tenon.post(path, json.dumps(body))


def park(hearer, *data):
    seqs = [hearer.publish("work.a", one) for one in data]
    wait_for(lambda: {one["seq"] for one in parked(hearer)} >= set(seqs), "parking", timeout=60)
    return seqs


def test_a_parked_one_is_given_to_its_handler_again(hearer):
    tenon = hearer.tenon
    first, second = park(hearer, "unless told", "unless told")
    table = tenon.cli("signal", "parked").stdout
    assert "it is told to wait for a file" in table and str(first) in table and "work.a" in table
    assert [one["attempts"] for one in parked(hearer)] == [1, 1]
    # Not mended: parked anew, its tries counted on.
    assert tenon.cli("signal", "retry", "hears", first).stdout == (
        "1 given to their handler again\n"
    )
    wait_for(
        lambda: [(one["seq"], one["attempts"]) for one in parked(hearer)]
        == [(second, 1), (first, 2)],
        "it to be parked anew",
    )
    shown = hearer.subscription("work.**")
    assert shown["parked"][1]["attempts"] == 2 and shown["cursor"] >= second
    # Mended: taken, off the list, and no more there after kill -9.
    assert gauge(hearer) == 2
    (hearer.place / "heard.told").write_text("")
    answer = move(hearer, "retry", {"all": True})
    assert (answer.status, answer.json) == (200, {"matched": 2, "moved": 2, "not_moved": {}})
    wait_for(lambda: parked(hearer) == [], "both to be taken")
    assert "parked" not in hearer.subscription("work.**") and gauge(hearer) == 0
    assert [line[3] for line in hearer.lines("work") if int(line[2]) == first] == ["1", "2", "3"]
    last = hearer.publish("work.b", "fine")
    hearer.wait_for_seq(last)
    wait_for(lambda: hearer.subscription("work.**")["cursor"] == last, "the cursor")
    tenon.kill()
    tenon.start()
    hearer.wait()
    assert parked(hearer) == []
    assert tenon.cli("signal", "retry", "hears", "--all").stdout == "nothing is parked\n"


def test_what_fails_again_holds_up_what_comes_but_once(hearer):
    seqs = park(hearer, "never", "never")
    before = len(hearer.lines("work"))
    assert move(hearer, "retry", {"all": True}).json["moved"] == 2
    last = hearer.publish("work.b", "fine")
    hearer.wait_for_seq(last)
    assert [int(line[2]) for line in hearer.lines("work")[before:]] == [*seqs, last]
    assert [(one["seq"], one["attempts"]) for one in parked(hearer)] == [(n, 6) for n in seqs]


def test_a_crash_while_it_is_tried_again_loses_none(hearer):
    (seq,) = park(hearer, "crash")
    assert move(hearer, "retry", {"numbers": [seq]}).json["moved"] == 1
    hearer.tenon.kill()
    hearer.tenon.start()
    hearer.wait()
    assert [one["seq"] for one in parked(hearer)] == [seq]
    assert move(hearer, "discard", {"numbers": [seq]}).json["moved"] == 1


def test_parked_ones_are_given_up_for_good(hearer):
    tenon = hearer.tenon
    first, second = park(hearer, "refuse", "refuse")
    run = tenon.cli("signal", "discard", "hears", first, 999999, check=False)
    assert (run.returncode, run.stdout) == (1, "1 discarded; 1 not moved: not parked\n")
    tenon.kill()  # what was answered is on disk
    tenon.start()
    hearer.wait()
    assert [one["seq"] for one in parked(hearer)] == [second]
    assert tenon.cli("signal", "discard", "hears", "--all").stdout == "1 discarded\n"
    assert parked(hearer) == []
    assert [int(line[2]) for line in hearer.lines("work")].count(first) == 1


def test_what_the_store_keeps_no_longer_cannot_be_tried_again(hearer):
    tenon = hearer.tenon
    (seq,) = park(hearer, "refuse")
    tenon.host_ini(plugins=[tenon.folder / "more"], store="keep_signals = 1s\n")
    tenon.cli("reload")

    def is_gone():
        tenon.cli("store", "compact")
        return seq not in [row["seq"] for row in tenon.get("/api/v1/signals").json["items"]]

    wait_for(is_gone, "the signal to be of age")
    run = tenon.cli("signal", "retry", "hears", seq, check=False)
    assert (run.returncode, run.stdout) == (
        1,
        "0 given to their handler again; 1 not moved: removed from store\n",
    )
    assert [one["seq"] for one in parked(hearer)] == [seq]
    assert tenon.cli("signal", "discard", "hears", seq).stdout == "1 discarded\n"


def test_only_who_manages_it_moves_what_it_parked(hearer):
    (seq,) = park(hearer, "refuse")
    for name, scope, sees, moves in (
        ("reader", "read:hears", 1, 403),
        ("other", "manage:elsewhere", 0, 403),
        ("keeper", "manage:hears", 1, 200),
    ):
        token = hearer.tenon.cli("token", "create", name, "--scope", scope).stdout.strip()
        headers = {"Authorization": "Bearer " + token}
        url = "http://127.0.0.1:%d/api/v1/" % hearer.tenon.port
        answer = json.load(
            urllib.request.urlopen(
                urllib.request.Request(url + "signals/parked", headers=headers), timeout=30
            )
        )
        assert [one["seq"] for one in answer["items"]] == [seq] * sees, name
        move_it = urllib.request.Request(
            url + "integrations/hears/signals/discard", b'{"all": true}', headers
        )
        try:
            status = urllib.request.urlopen(move_it, timeout=30).status
        except urllib.error.HTTPError as error:
            status = error.code
        assert status == moves, name


def test_what_cannot_be_moved_says_why(hearer):
    tenon = hearer.tenon
    (seq,) = park(hearer, "hang")
    assert move(hearer, "retry", {"all": True}).json["moved"] == 1
    wait_for(lambda: parked(hearer)[0]["under_way"], "its next try")
    for verb in ("retry", "discard"):
        answer = move(hearer, verb, {"numbers": [seq]})
        assert answer.json == {"matched": 1, "moved": 0, "not_moved": {"under_way": 1}}
    for body, words in (
        ({}, "Which ones?"),
        ({"numbers": [1], "all": True}, "Which ones?"),
        ({"numbers": []}, "numbers: a list"),
        ({"numbers": [0]}, "no signal's number"),
        ({"numbers": "x"}, "numbers: a list"),
        ({"number": [1]}, "'number' is no member"),
        ([], "expected"),
    ):
        answer = move(hearer, "retry", body)
        assert answer.status == 400 and words in answer.json["detail"], answer
    answer = tenon.post("/api/v1/integrations/nobody/signals/retry", '{"all": true}')
    assert answer.status == 404
    assert tenon.get("/api/v1/signals/parked?integration=nobody").status == 404
    tenon.post("/api/v1/integrations/hears/deactivate")
    answer = wait_for(
        lambda: (found := move(hearer, "retry", {"all": True})).status == 503 and found,
        "it to be closed",
    )
    assert "once it is active" in answer.json["detail"]
    run = tenon.cli("signal", "retry", "hears", check=False)
    assert run.returncode == 2 and "which ones?" in run.stderr


@pytest.mark.parametrize("what, words", [("crash", "SIGABRT"), ("hang", "no answer within")])
def test_a_crash_or_a_hang_is_contained_and_named(hearer, what, words):
    seqs = [hearer.publish("work.a", data) for data in ("before", what, "behind")]
    hearer.wait_for_seq(seqs[-1])
    shown = wait_for(
        lambda: hearer.subscription("work.**").get("parked") and hearer.subscription("work.**"),
        "the parked one",
        timeout=30,
    )
    parked = shown["parked"][0]
    assert parked["seq"] == seqs[1] and parked["attempts"] == 2
    assert words in parked["reason"] and "in on_signal, integration hears" in parked["reason"]
    assert hearer.tenon.integration("hears")["state"] == "active"


def test_a_worker_that_is_killed_costs_nothing(hearer):
    tenon = hearer.tenon
    seqs = [hearer.publish("work.a", i) for i in range(200)]
    for pid in tenon.workers():
        os.kill(pid, signal.SIGKILL)
    seqs += [hearer.publish("work.a", i) for i in range(50)]
    hearer.wait_for_seq(seqs[-1])
    assert unique(int(line[2]) for line in hearer.lines()) == seqs


def request(hearer, type, data=None, timeout="30s"):
    body = {"type": type, "data": data, "timeout": timeout}
    return hearer.tenon.post("/api/v1/signals/request", json.dumps(body))


def test_requests_are_answered_or_declined(hearer):
    answer = request(hearer, "ask.echo", {"a": [1, 2]})
    assert answer.status == 200, answer
    assert answer.json == {"sender": "hears", "data": {"a": [1, 2]}}
    assert request(hearer, "ask.late").json["data"] == "late"
    answer = request(hearer, "ask.none")
    assert answer.status == 502 and "no answer to this" in answer.json["detail"]
    answer = request(hearer, "ask.echo", "refuse")
    assert answer.status == 502 and "it is told to refuse" in answer.json["detail"]
    answer = request(hearer, "ask.none", "garbage")
    assert answer.status == 502 and "no JSON" in answer.json["detail"]
    assert request(hearer, "other.one").status == 404
    shown = hearer.tenon.cli("signal", "request", "ask.echo", "a=1").stdout
    assert json.loads(shown) == {"a": 1}


def call(hearer, action, **arguments):
    return hearer.tenon.post(
        "/api/v1/integrations/hears/actions/" + action, json.dumps(arguments)
    )


def test_the_service_publishes_and_asks(hearer):
    tenon = hearer.tenon
    assert call(hearer, "publish", type="work.own", data={"n": 1}).status == 200
    wait_for(lambda: hearer.lines("work.own"), "its own signal")
    items = tenon.get("/api/v1/signals?type=work.own").json["items"]
    assert items[0]["sender"] == "hears" and items[0]["data"] == {"n": 1}
    answer = call(hearer, "publish", type="entity.created", data=1)
    assert answer.status >= 400 and "the host's own" in answer.json["detail"]
    answer = call(hearer, "ask", type="nobody.there", data=1, timeout_ms=1000)
    assert answer.status >= 400 and "nobody is there" in answer.json["detail"]
    answer = call(hearer, "ask", type="ask.echo", data=1, timeout_ms=1000)
    assert answer.status >= 400 and "does not answer itself" in answer.json["detail"]


def test_a_loop_is_cut(hearer):
    hearer.publish("loop.a", "round")
    shown = wait_for(
        lambda: hearer.subscription("loop.*").get("parked") and hearer.subscription("loop.*"),
        "the end of the loop",
    )
    assert "8 in a row" in shown["parked"][0]["reason"]
    assert len(hearer.lines("loop.a")) == 9
    hearer.wait_for_seq(hearer.publish("work.a", "fine"))


def test_what_nobody_keeps_begins_now_and_goes_by_the_sender(hearer):
    hearer.publish("live.a", "foe", sender="foe")
    hearer.publish("live.a", "friend")
    wait_for(lambda: hearer.lines("live"), "the friend")
    hearer.tenon.kill()
    hearer.tenon.start()
    hearer.wait()
    wait_for(lambda: hearer.state("live.*") == "listening", "it to listen")
    hearer.publish("live.a", "again")
    wait_for(lambda: len(hearer.lines("live")) == 2, "the next")
    assert [line[4] for line in hearer.lines("live")] == ['"friend"', '"again"']


def test_the_till_of_the_examples_does_what_its_readme_says(tenon):
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/till/till.c", more / "till.so")
    tenon.host_ini(plugins=[more])
    tenon.ini("till", "[integration]\nplugin = till\n[select]\nselector = none\n")
    tenon.start()
    wait_for(
        lambda: all(
            one["state"] == "listening" for one in tenon.integration("till")["subscriptions"]
        ),
        "the till to listen",
    )
    tenon.cli("signal", "publish", "shop.sale", "amount=1200")
    tenon.cli("signal", "publish", "shop.sale", "amount=5")
    shown = wait_for(
        lambda: json.loads(tenon.cli("signal", "request", "till.total").stdout)["sales"] == 2
        and tenon.cli("signal", "request", "till.total").stdout,
        "both sales",
    )
    assert json.loads(shown) == {"sales": 2, "total": 1205}
    tenon.cli("signal", "publish", "shop.sale", "amount=nothing")
    wait_for(
        lambda: "parked" in tenon.cli("integration", "show", "till").stdout, "the sale to be parked"
    )
    items = tenon.get("/api/v1/signals?type=till.*").json["items"]
    assert [(one["sender"], one["data"]) for one in items] == [("till", {"amount": 1200})]
