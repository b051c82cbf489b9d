# SPDX-License-Identifier: Apache-2.0
"""A plugin that misbehaves costs the record that it does so on, and nothing else: the daemon lives,
its other records and other integrations are delivered, and the culprit, its callback and the signal
are named."""
import json

import pytest
from daemon import QUICK_RETRY, SANITIZED, TOP, build_plugin, wait_for

SOURCE = TOP / "tests/e2e/plugins/hostile.c"
EVIL = {"id": "evil-1", "text": "evil"}

# what it does, the callback it does it in, what the words about it must hold (one of these)
WAYS = [
    ("NULL_POINTER", "transform", ["SIGSEGV", "signal 11"]),
    ("ABORT", "transform", ["SIGABRT", "signal 6"]),
    ("EXIT", "transform", ["exit"]),
    ("STACK", "transform", ["SIGSEGV", "signal 11"]),
    ("ALLOCATE", "transform", ["SIGABRT", "SIGKILL", "memory"]),
    ("LOOP", "prepare", ["no answer within"]),
]


@pytest.fixture
def hostile(tenon, receiver, make_receiver):
    """Starts the daemon with a hostile integration `bad` beside a good one; gives the receivers of
    both."""
    plugins = tenon.folder / "plugins"
    plugins.mkdir()

    def start(how, more=""):
        name = how.lower().replace("_", "-")
        build_plugin(SOURCE, plugins / (name + ".so"), 'NAME="%s"' % name, "HOW=" + how)
        tenon.host_ini(plugins=[plugins])
        own = make_receiver()
        tenon.ini(
            "bad",
            "[integration]\nplugin = %s\nbase_url = %s\ncall_timeout = 500ms\nmemory_max = 64MB\n%s"
            "[select]\ntype = event\n[retry]\nbase = 10ms\nmax = 50ms\nmax_attempts = 3\n"
            % (name, own.url(), more),
        )
        tenon.webhook("good", receiver.url("/in"))
        tenon.start()
        return own

    return start


def ids_at(receiver):
    return {
        json.loads(one["body"])["id"] for one in list(receiver.exchanges) if one["answer"] == 200
    }


@pytest.mark.parametrize("how, callback, words", WAYS, ids=[way[0].lower() for way in WAYS])
def test_contained_and_named(tenon, receiver, hostile, how, callback, words):
    if how == "ALLOCATE" and SANITIZED:
        pytest.skip("a sanitizer's shadow leaves no room for a memory limit")
    if SANITIZED and how in ("NULL_POINTER", "STACK", "ABORT"):
        words = [
            *words,
            "exited with status 1",
        ]  # the sanitizer in the worker sees the signal first
    own = hostile(how)
    pid = tenon.process.pid
    good = [{"id": "evt-%d" % number} for number in range(40)]
    tenon.add(*good[:20], EVIL, *good[20:])
    wait_for(lambda: receiver.stats()["records"] == 41, "all 41 at the other integration")
    wait_for(
        lambda: tenon.states("bad") == {"succeeded": 40, "failed": 1},
        "40 delivered, the evil one failed",
        timeout=60,
    )
    assert ids_at(own) == {record["id"] for record in good}
    assert tenon.is_running() and tenon.process.pid == pid

    failed = tenon.submissions(integration="bad", state="failed")[0]
    assert failed["entity"] == "evil-1"
    assert callback in failed["reason"] and any(word in failed["reason"] for word in words), failed
    shown = tenon.cli("integration", "show", "bad").stdout
    assert callback in shown and any(word in shown for word in words), shown
    why = tenon.why("evil-1", "bad").body.decode()
    assert callback in why, why
    tenon.add({"id": "afterwards"})
    wait_for(
        lambda: "afterwards"
        in ids_at(own)
        | {
            row["entity"]
            for row in tenon.submissions(integration="bad")
            if row["state"] == "succeeded"
        },
        "work goes on afterwards",
        timeout=60,
    )


def test_garbage_on_every_descriptor(tenon, receiver, hostile):
    """The answer is drowned in noise: the worker is ended as one that does not speak the
    protocol."""
    own = hostile("GARBAGE")
    good = [{"id": "evt-%d" % number} for number in range(40)]
    tenon.add(*good[:20], EVIL, *good[20:])
    wait_for(lambda: receiver.stats()["records"] == 41, "all 41 at the other integration")
    wait_for(
        lambda: ids_at(own) >= {record["id"] for record in good},
        "the 40 good ones of the bad plugin",
        timeout=60,
    )
    assert tenon.is_running()
    assert tenon.integration("bad")["worker"]["last_crash"]
    assert len(tenon.log_text()) < 2_000_000, "the noise is in the log without a limit"


def test_crash_after_crash_ends_in_quarantine(tenon, receiver, hostile):
    hostile("NULL_POINTER")
    for number in range(12):
        tenon.add({"id": "evil-%d" % number, "text": "evil"})
    wait_for(
        lambda: "quarantine" in json.dumps(tenon.integration("bad")), "the quarantine", timeout=60
    )
    words = tenon.cli("integration", "show", "bad").stdout
    assert "quarantine" in words and "transform" in words, words
    wait_for(lambda: receiver.stats()["records"] == 12, "the other integration's records")
    # By content, over a restart: the same file stays in quarantine.
    tenon.stop()
    tenon.start()
    assert "quarantine" in json.dumps(tenon.integration("bad"))


def test_a_jq_program_that_never_ends_costs_its_own_record(tenon, receiver, make_receiver):
    other = make_receiver()
    tenon.webhook(
        "bad",
        other.url("/in"),
        retry="[retry]\nbase = 10ms\nmax = 50ms\nmax_attempts = 2\n",
        more='[transform]\njq = if .text == "evil" then last(repeat(1)) else . end\n',
    )
    path = tenon.conf / "bad.ini"
    path.write_text(
        path.read_text().replace("[integration]\n", "[integration]\ncall_timeout = 500ms\n")
    )
    tenon.webhook(
        "good", receiver.url("/in"), more="[transform]\njq = {id: .id}\n", retry=QUICK_RETRY
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(20)), EVIL)
    wait_for(
        lambda: receiver.stats()["records"] == 21, "the other integration's records", timeout=60
    )
    wait_for(
        lambda: tenon.states("bad") == {"succeeded": 20, "failed": 1},
        "20 delivered, the endless one failed",
        timeout=60,
    )
    assert tenon.submissions(integration="bad", state="failed")[0]["entity"] == "evil-1"


def test_what_it_declares_is_bounded(tenon):
    """It is kept for good, and shown to whoever lists actions."""
    talk = "static char talk[5 << 20];\n__attribute__((constructor)) static void fill(void)\n"
    talk += "{\n    memset(talk, 'x', sizeof talk - 1);\n}\n"
    source = (TOP / "examples/calculator/calculator.c").read_text()
    assert '"Adds two whole numbers."' in source
    head, actions, rest = source.partition("static const tenon_action")
    assert actions, "the table of actions"
    grown = tenon.folder / "calculator.c"
    rest = rest.replace('"Adds two whole numbers."', "talk")
    grown.write_text("#include <string.h>\n" + head + talk + actions + rest)
    build_plugin(grown, tenon.folder / "more/calculator.so")
    tenon.host_ini(plugins=[tenon.folder / "more"])
    tenon.ini("calc", "[integration]\nplugin = calculator\n[select]\nselector = none\n")
    tenon.start()
    wait_for(lambda: tenon.integration("calc")["state"] == "failed", "it to be refused")
    assert "4 MiB" in tenon.integration("calc")["words"]
    assert tenon.stop() == 0
