# SPDX-License-Identifier: Apache-2.0
"""A destination that errs now and then costs about what it errs; nothing vanishes unexplained."""
import contextlib
import json
import os
import re
import signal
import time

import pytest
from daemon import PATIENCE, SANITIZED, Tenon, wait_for
from storm import Storm

FAULTS = {"500": 0.05, "429": 0.02, "reset": 0.01}


@pytest.fixture
def make_storm():
    made = []

    def make(*arguments, **settings):
        made.append(Storm(*arguments, **settings).start())
        return made[-1]

    yield make
    for server in made:
        server.stop()


def records(first, count, **more):
    return [
        {"id": "evt-%d" % number, "n": number, **more} for number in range(first, first + count)
    ]


def test_8_percent_of_errors_cost_about_8_percent(folder, make_storm):
    """Two daemons in alternating rounds, one destination of which answers 5 % 500 and 2 % 429 with
    Retry-After: 1, and resets 1 %. A round's rate is taken when 90 % of it arrived; the rest is
    the tail, which waits for its second or third try.

    A rival fails this: with 8 % of failing answers syslog-ng falls from 16,000/s to 85/s (a failed
    message blocks those behind it), and fluent-bit loses them. The promise itself (0.75) is a row
    of tests/bench/promises, where the receiver is no bottleneck."""
    count, rounds = 1500, 4
    rates = {"clean": [], "faulty": []}
    daemons = {}
    with contextlib.ExitStack() as stack:
        for name in rates:
            (folder / name).mkdir()
            tenon = Tenon(folder / name)
            stack.callback(tenon.kill)
            storm = make_storm(FAULTS if name == "faulty" else {}, keep=False)
            tenon.host_ini(log="level = warn\n")
            tenon.webhook("hooks", storm.url("/in"), retry="[retry]\nbase = 200ms\nmax = 2s\n")
            daemons[name] = (tenon.start(), storm)
        for number in range(rounds):
            for name in sorted(rates, reverse=number % 2 == 1):
                tenon, storm = daemons[name]
                before = number * count
                started = time.monotonic()
                tenon.add(*records(before, count))
                for share in (0.9, 1.0):
                    wait_for(
                        lambda s=storm, n=before + count * share: s.stats()["unique"] >= n,
                        "%g of round %d, %s" % (share, number, name),
                        timeout=60,
                    )
                    if share < 1:
                        rates[name].append(count * share / (time.monotonic() - started))
        tenon, storm = daemons["faulty"]
        wait_for(
            lambda: tenon.integration("hooks")["submissions"] == {"succeeded": rounds * count},
            "every submission to succeed",
        )
    stats = storm.stats()
    ratio = sum(rates["faulty"]) / sum(rates["clean"])
    print(
        "clean %s/s, faulty %s/s: %.2f; %r"
        % (*(" ".join("%.0f" % one for one in rates[name]) for name in rates), ratio, storm.errors)
    )
    assert stats["unique"] == rounds * count and stats["duplicates"] == 0
    assert min(storm.errors.get(what, 0) for what in FAULTS) > 0, storm.errors
    # What failed was tried again, and nothing else was.
    assert stats["requests"] == rounds * count + sum(storm.errors.values())
    if PATIENCE == 1 and not SANITIZED:
        assert ratio >= 0.5


def test_every_entity_of_a_storm_is_explained(tenon, make_storm):
    """Errors of every kind, refusals, a worker and then the whole daemon killed on the way: in the
    end `why` has for every entity that it was delivered, or failed and why, or was not wanted and
    by which clause. Nothing is still waiting, nothing is gone.

    A rival fails this: it drops what it gave up on, with a line in a log at best."""
    storm = make_storm(
        {"500": 0.08, "429": 0.02, "503": 0.01, "reset": 0.03, "lost": 0.03}, keep=False
    )
    storm.answer = lambda exchange: (
        (422, {}, b'{"error":"no venue"}')
        if json.loads(exchange["body"])["n"] % 50 == 7
        else (200, {}, b"{}")
    )
    tenon.webhook(
        "hooks",
        storm.url("/in"),
        select="type = event\nwhere = .n % 50 != 8\n",
        retry="[retry]\nbase = 20ms\nmax = 200ms\nmax_attempts = 3\n",
    )
    tenon.start()
    count = 1500
    for first in range(0, count, 250):
        tenon.add(*records(first, 250))
        before = storm.stats()["requests"]
        wait_for(lambda: storm.stats()["requests"] > before + 50, "requests to go on")
        if first == 500:
            for pid in tenon.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if first == 1000:
            tenon.kill()
            tenon.start()
    tenon.add({"id": "other"}, type="other")
    ended = {"succeeded", "failed", "skipped"}
    wait_for(
        lambda: sum(tenon.integration("hooks")["submissions"].get(one, 0) for one in ended)
        == count,
        "every submission to end",
        timeout=60,
    )
    found = {}
    for number in range(count):
        told = tenon.why("evt-%d" % number).json["integrations"][0]
        last = told["submissions"][-1]
        found[last["state"]] = found.get(last["state"], 0) + 1
        if number % 50 == 8:
            assert (
                last["state"] == "skipped" and "where `.n % 50 != 8` gave false" in last["reason"]
            )
        elif number % 50 == 7 and last["state"] == "failed" and last.get("http_status") == 422:
            assert "no venue" in last["history"][-1]["answer"], told
        elif last["state"] == "failed":
            # Out of tries: the words say so and what the last answer was, and each try is told.
            # A try that a kill cut off is not held against the record, so there may be a fourth.
            assert re.search(r"gave up after [34] tries: .", json.dumps(last)), told
            assert len(last["history"]) == last["attempts"], told
            assert all("http_status" in one or "reason" in one for one in last["history"]), told
        else:
            assert last["state"] == "succeeded" and last["history"][-1]["http_status"] == 200, told
        assert told["next"], told
    print("%r, %r" % (found, storm.errors))
    assert "type 'other' is not wanted" in tenon.why("other").body.decode()
    assert found["succeeded"] > count * 0.8 and found["skipped"] == count // 50
