# SPDX-License-Identifier: Apache-2.0
"""Two integrations share a worker, each on a thread of its own. One ends the worker at each of its
records, while the other has records in hand: those are delivered all the same, and none is blamed
for what its neighbour did."""
import json

import pytest
from daemon import TOP, build_plugin, wait_for

SOURCE = TOP / "tests/e2e/plugins/neighbours.c"
EVIL = [{"id": "evil-1"}, {"id": "evil-2"}]
WAYS = {
    "NULL_POINTER": "SIGSEGV",
    "STACK": "SIGSEGV",
    "EXIT": "exited with status 0",
    "ABORT": "SIGABRT",
}


@pytest.fixture
def neighbours(tenon, receiver):
    """Starts the daemon with the integrations `good` and `bad` of one plugin."""
    plugins = tenon.folder / "plugins"

    def start(how, *defines):
        build_plugin(SOURCE, plugins / "shared.so", 'NAME="shared"', "HOW=" + how, *defines)
        tenon.host_ini(plugins=[plugins])
        for name, role in (("good", "slow"), ("bad", "bad")):
            tenon.ini(
                name,
                "[integration]\nplugin = shared\nbase_url = %s\n"
                "[select]\ntype = %s\n"
                "[retry]\nbase = 10ms\nmax = 50ms\nmax_attempts = 3\n"
                "[settings]\nrole = %s\n" % (receiver.url("/" + name), name, role),
            )
        tenon.start()

    return start


def check_outcome(tenon, count, words):
    """All of the good one's delivered in one try, all of the bad one's failed for what they did."""
    wait_for(
        lambda: tenon.states("bad") == {"failed": len(EVIL)},
        "the end of the bad one's records",
        timeout=60,
    )
    wait_for(
        lambda: tenon.states("good") == {"succeeded": count},
        "all of the good one's records",
        timeout=60,
    )
    for row in tenon.submissions(integration="good"):
        assert row["attempts"] == 1, row
    for row in tenon.submissions(integration="bad"):
        assert words in row["reason"] and "integration bad" in row["reason"], row
    crash = tenon.integration("good")["worker"]["last_crash"]
    assert words in crash and "integration bad" in crash, crash
    assert "integration good" not in tenon.log_text(), "the good one was blamed"


@pytest.mark.parametrize("how", WAYS, ids=[how.lower() for how in WAYS])
def test_delivers_what_was_in_hand(tenon, receiver, neighbours, how):
    neighbours(how)
    good = [{"id": "good-%d" % number} for number in range(3)]
    tenon.add(*EVIL, type="bad")
    tenon.add(*good, type="good")
    check_outcome(tenon, len(good), WAYS[how])
    delivered = [json.loads(one["body"])["id"] for one in receiver.exchanges]
    assert sorted(delivered) == [record["id"] for record in good]


@pytest.mark.parametrize("how", WAYS, ids=[how.lower() for how in WAYS])
def test_submits_what_was_in_hand_alone(tenon, neighbours, how):
    """One record in its batch, lost at each crash: that is no proof against it."""
    neighbours(how, "SUBMITS")
    tenon.add(*EVIL, type="bad")
    tenon.add({"id": "good-1"}, type="good")
    check_outcome(tenon, 1, WAYS[how])


def test_who_calls_what_crashes_stops_no_delivery(tenon, receiver, neighbours):
    """With nothing delivered in between, either: anybody who may call may do it as often."""
    neighbours("ABORT")
    wait_for(lambda: tenon.integration("good")["state"] == "active", "it")
    path = "/api/v1/integrations/good/actions/end"
    for _ in range(5):
        said = tenon.post(path).json["detail"]
        assert "SIGABRT) in action end, integration good" in said, said
    said = tenon.post(path).json["detail"]
    assert "it crashed too often when it was called, and rests" in said, said
    assert tenon.post(path).status == 503
    tenon.add({"id": "good-1"}, type="good")
    wait_for(lambda: tenon.states("good") == {"succeeded": 1}, "its delivery", timeout=60)
    assert receiver.stats()["records"] == 1
