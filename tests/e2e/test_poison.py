# SPDX-License-Identifier: Apache-2.0
"""A record that its worker dies of is found, parked with the signal and the callback named, and
costs nobody else: the rest of its batch arrives once, and the plugin is not held to be bad for it.
See test_hostile.py for the ways to die, test_reconcile.py for clients that send by themselves."""
import json

import pytest
from daemon import SANITIZED, TOP, build_plugin, wait_for

GOOD = ["evt-%d" % number for number in range(60)]


@pytest.fixture
def poison(tenon, receiver):
    def start(*defines, more="", evil=("evil-1",)):
        plugins = tenon.folder / "plugins"
        build_plugin(TOP / "tests/e2e/plugins/poison.c", plugins / "poison.so", *defines)
        tenon.host_ini(plugins=[plugins])
        tenon.ini(
            "hooks",
            "[integration]\nplugin = poison\nbase_url = %s\ncall_timeout = 1s\n"
            "[select]\ntype = event\nselector = every\n"
            "[retry]\nbase = 10ms\nmax = 50ms\n%s" % (receiver.url("/in"), more),
        )
        tenon.start()
        records = [{"id": one} for one in GOOD]
        for place, one in enumerate(evil):
            records.insert(7 + 13 * place, {"id": one, "text": "evil"})
        tenon.add(*records)

    return start


def arrived(receiver):
    found = []
    for one in receiver.exchanges:
        if one["answer"] == 200:
            found += [record["id"] for record in json.loads(one["body"])]
    return sorted(found)


def settled(tenon, failed):
    states = {"succeeded": len(GOOD), "failed": failed}
    wait_for(
        lambda: tenon.states("hooks") == {state: n for state, n in states.items() if n},
        "all but %d delivered" % failed,
        timeout=90,
    )


def goes_on(tenon):
    wait_for(lambda: tenon.integration("hooks")["state"] == "active", "the plugin to be back")


@pytest.mark.parametrize(
    "where, callback, error_class, words",
    [
        ("SELECT", "in select", "permanent", "SIGABRT"),
        ("TRANSFORM", "in transform", "permanent", "SIGABRT"),
        ("HANGS", "in transform", "cancelled", "no answer within 1000 ms"),
    ],
)
@pytest.mark.parametrize("evil", [("evil-1",), ("evil-1", "evil-2", "evil-3")])
def test_found_and_parked(tenon, receiver, poison, where, callback, error_class, words, evil):
    poison("IN=" + where, evil=evil)
    settled(tenon, len(evil))
    assert arrived(receiver) == sorted(GOOD)
    failed = tenon.submissions(state="failed")
    assert {row["entity"] for row in failed} == set(evil)
    for row in failed:
        assert callback in row["reason"] and row["error_class"] == error_class, row
        assert words in row["reason"] or SANITIZED, row
        told = tenon.cli("why", row["entity"]).stdout
        assert callback in told and "record " + row["entity"] in told.replace("\n", " "), told
    goes_on(tenon)


def test_parked_records_do_not_condemn_their_plugin(tenon, receiver, poison):
    """Many more than the crashes that put a plugin into quarantine, in less than its window."""
    evil = ["evil-%d" % number for number in range(4)]
    poison("IN=TRANSFORM", evil=evil)
    settled(tenon, 4)
    for batch in range(4):
        more = ["evil-%d-%d" % (batch, number) for number in range(3)]
        tenon.add(*({"id": one, "text": "evil"} for one in more), {"id": "fine-%d" % batch})
        wait_for(
            lambda: tenon.states("hooks").get("failed") == 4 + 3 * (batch + 1),
            "three more parked",
            timeout=60,
        )
    assert tenon.states("hooks") == {"succeeded": len(GOOD) + 4, "failed": 16}
    goes_on(tenon)


def test_a_plugin_that_dies_of_everything_is_quarantined_and_loses_nothing(tenon, poison):
    poison("IN=TRANSFORM", evil=["evil-%d" % number for number in range(4)])
    settled(tenon, 4)
    tenon.add(*({"id": "evil-more-%d" % number, "text": "evil"} for number in range(100)))
    wait_for(
        lambda: tenon.integration("hooks")["state"] == "quarantined", "the quarantine", timeout=90
    )
    states = tenon.states("hooks")
    assert states["failed"] <= 4 + 12, "a plugin that is broken fails few records"
    assert sum(states.values()) == len(GOOD) + 104


@pytest.mark.parametrize("form", [[], ["TOGETHER"]])
def test_a_judge_that_dies_of_an_answer(tenon, receiver, poison, form):
    poison("IN=JUDGE", *form)
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": len(GOOD) + 1}, "all delivered", timeout=60
    )
    assert arrived(receiver) == sorted(GOOD + ["evil-1"])
    told = tenon.cli("why", "evil-1").stdout
    assert "the plugin's judge failed" in told and "read by the usual rule" in told, told
    goes_on(tenon)


def test_a_judge_that_always_dies_is_left_out(tenon, receiver, poison):
    poison("IN=JUDGE", evil=[])
    settled(tenon, 0)
    evil = ["evil-%d" % number for number in range(100)]
    tenon.add(*({"id": one} for one in evil))
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": len(GOOD) + 100},
        "all delivered",
        timeout=60,
    )
    assert arrived(receiver) == sorted(GOOD + evil)
    goes_on(tenon)
    assert tenon.integration("hooks")["worker"]["crashes"] <= 4
    assert "is left out" in tenon.log_text()
    tenon.add({"id": "evil-after"})
    wait_for(lambda: tenon.states("hooks")["succeeded"] == len(GOOD) + 101, "it to go on")
    assert "the plugin's judge is left out" in tenon.cli("why", "evil-after").stdout


def test_a_jq_program_that_never_ends_for_one_record(tenon, receiver):
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        select='type = event\nwhere = if .text == "evil" then (def f: f; f) else true end\n',
        settings="batch = 20\n",
    )
    tenon.ini(
        "hooks",
        (tenon.conf / "hooks.ini").read_text().replace("[select]", "call_timeout = 1s\n[select]"),
    )
    tenon.start()
    records = [{"id": one} for one in GOOD]
    records.insert(30, {"id": "evil-1", "text": "evil"})
    tenon.add(*records)
    settled(tenon, 1)
    assert arrived(receiver) == sorted(GOOD)
    row = tenon.submissions(state="failed")[0]
    assert row["error_class"] == "cancelled" and "no answer within" in row["reason"], row
