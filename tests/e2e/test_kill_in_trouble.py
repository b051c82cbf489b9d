# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load when something else is wrong as well: of the worker alone, again and again;
with the disk full; with the clock stepped by an hour either way. What was acknowledged arrives all
the same, and what comes twice was in flight and carries its first key."""
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest
from clock import HOUR_S
from daemon import hold_answers, wait_for
from load import Load

ROUNDS = 10


def test_the_worker_alone_killed_20_times(tenon, receiver):
    """A plugin is not to blame for what is done to it from outside: nobody takes it out of service
    for that, however often. The daemon sends the requests, so nothing even comes twice."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    load = Load(tenon, receiver)
    killed = 0
    while killed < 20:
        load.wait_for_a_moment(most_s=0.2)
        for pid in tenon.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    load.check()
    assert tenon.integration("hooks")["worker"]["crashes"] >= 15
    wait_for(lambda: set(tenon.states("hooks")) == {"succeeded"}, "all to succeed")


def test_the_worker_alone_killed_with_one_record_in_hand(tenon, receiver):
    """One record at a time, so that whichever is in hand at the kill is alone in it: it is not
    taken for poison."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    for number in range(60):
        tenon.add({"id": "evt-%d" % number})
        if number % 4 == 3:
            time.sleep(random.uniform(0, 0.005))  # somewhere on the record's way
            for pid in tenon.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_for(lambda n=number: receiver.stats()["records"] == n + 1, "record %d" % number)
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 60}, "60 successes")


@pytest.fixture
def small_disk(tenon, needs_root):
    path = tenon.folder / "small"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tenon-test", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("cannot mount a tmpfs: %s" % mounted.stderr.strip())
    tenon.store_folder = path
    tenon.host_ini(store_url="sqlite:%s/tenon.db" % path)
    yield path
    tenon.kill()
    subprocess.run(["umount", "-l", str(path)], check=False)


def is_refused_for_want_of_room(tenon):
    with contextlib.suppress(OSError):
        records = ({"id": "fill-%d" % number, "text": "x" * 900} for number in range(50))
        body = "\n".join(json.dumps(one) for one in records)
        return tenon.post("/ingest?type=filling", body).status == 507
    return False


def test_kill_with_the_disk_full(tenon, receiver, small_disk):
    """The disk is full at every kill and at every start; each time it gets a little room, and all
    of it in the end. What was acknowledged by then is there, and nothing is torn."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    load = Load(tenon, receiver, producers=2)
    size_mb = 6
    for _ in range(ROUNDS):
        wait_for(lambda: is_refused_for_want_of_room(tenon), "a full disk", timeout=60)
        time.sleep(load.moments.uniform(0.0, 0.3))  # the random moment itself
        load.kill()
        tenon.start(wait=False)
        with contextlib.suppress(AssertionError):
            wait_for(tenon.is_up, "a start on a full disk", timeout=1)
        load.kill()
        size_mb += 2
        subprocess.run(["mount", "-o", "remount,size=%dm" % size_mb, str(small_disk)], check=True)
        tenon.start()
    subprocess.run(["mount", "-o", "remount,size=256m", str(small_disk)], check=True)
    acked = load.check()
    assert tenon.stop() == 0
    with contextlib.closing(sqlite3.connect(str(small_disk / "tenon.db"))) as store:
        assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        stored = {row[0] for row in store.execute("SELECT id FROM entities")}
    assert acked <= stored


def test_kill_with_the_clock_stepped(tenon, receiver, clock):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    load = Load(tenon, receiver)
    for number in range(ROUNDS):
        load.wait_for_a_moment()
        clock.step(load.moments.choice((-HOUR_S, HOUR_S)))
        load.wait_for_a_moment(most_s=0.2)
        if number % 2 == 0:
            load.kill()
            clock.step(load.moments.choice((-HOUR_S, 0, HOUR_S)))
            tenon.start()
    load.check()


@pytest.fixture
def chain(tenon, receiver):
    """Version 1 of a record is on its way, version 2 was acknowledged and waits behind it."""
    hold_answers(receiver)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1", "n": 1})
    wait_for(lambda: tenon.states("hooks") == {"in_flight": 1}, "version 1 to be on its way")
    tenon.add({"id": "evt-1", "n": 2})
    wait_for(lambda: tenon.states("hooks") == {"in_flight": 1, "pending": 1}, "version 2 to wait")
    yield tenon
    with receiver.lock:
        receiver.lock.notify_all()


def is_in_order(tenon):
    return tenon.cli("store", "check").stdout == "the store is in order\n"


def test_kill_before_a_newer_version_and_the_older_is_discarded(chain, receiver):
    chain.kill()
    receiver.answer = None
    chain.start(arguments=["--safe"])
    wait_for(lambda: chain.states("hooks") == {"unknown": 1, "pending": 1}, "the recovery")
    assert is_in_order(chain)
    chain.cli("submission", "discard", "--state", "unknown")
    chain.cli("integration", "activate", "hooks")
    wait_for(lambda: chain.states("hooks") == {"skipped": 1, "succeeded": 1}, "version 2 to arrive")
    assert json.loads(receiver.exchanges[-1]["body"])["n"] == 2
    assert is_in_order(chain)


def test_kill_before_a_newer_version_and_the_record_is_deleted(chain, receiver):
    chain.cli("entity", "delete", "evt-1")
    chain.kill()
    receiver.answer = None
    chain.start()
    wait_for(lambda: chain.states("hooks") == {"skipped": 2}, "both to be skipped")
    assert is_in_order(chain)
