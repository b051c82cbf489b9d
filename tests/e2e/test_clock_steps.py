# SPDX-License-Identifier: Apache-2.0
"""The wall clock steps by an hour, either way, while tenond runs: by NTP after a start without a
clock, by hand, by a virtual machine that is moved. What waits must not wait an hour longer, what is
in flight must not be taken for lost, and a pause lasts as long as it was asked for."""
import json
import threading
import time

import pytest
from clock import HOUR_S
from daemon import wait_for


def said_time_s(tenon):
    """What tenond takes for the time, out of an entity's stamp."""
    import datetime

    tenon.add({"id": "stamp-%d" % time.monotonic_ns()}, type="stamp")
    rows = tenon.get("/api/v1/entities?type=stamp&limit=1000").json
    rows = rows if isinstance(rows, list) else next(v for v in rows.values() if isinstance(v, list))
    stamps = [datetime.datetime.fromisoformat(row["updated_at"][:-1] + "+00:00") for row in rows]
    return max(stamps, key=lambda s: s.timestamp()).timestamp()


def test_the_clock_of_these_tests_steps(tenon, clock):
    tenon.start()
    clock.step(HOUR_S)
    assert abs(said_time_s(tenon) - time.time() - HOUR_S) < 60


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_what_waits_for_its_next_try_waits_no_longer(tenon, receiver, clock, step_s):
    receiver.break_it(status=503)
    tenon.webhook(
        "hooks", receiver.url("/in"), retry="[retry]\nbase = 1s\nmax = 2s\nmax_attempts = 100\n"
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(50)))
    wait_for(lambda: tenon.states("hooks").get("retrying", 0) > 0, "tries that failed")
    clock.step(step_s)
    receiver.mend()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 50}, "50 successes", timeout=30)
    assert receiver.stats()["duplicates"] == 0


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_what_is_in_flight_is_not_taken_for_lost(tenon, receiver, clock, step_s):
    """Answers are held back over the step; a lease that ran out by it would send everything
    again."""
    held = threading.Event()

    def hold(exchange):
        if json.loads(exchange["body"])["id"].startswith("held"):
            deadline = time.monotonic() + 60
            while not held.is_set() and time.monotonic() < deadline:
                receiver.lock.wait(0.05)  # gives the lock away meanwhile
        return 200, {}, b"{}"

    receiver.answer = hold
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add(*({"id": "held-%d" % number} for number in range(2)))
    wait_for(lambda: receiver.stats()["requests"] == 2, "2 requests under way")
    clock.step(step_s)
    # New work makes the lane look: it claims, and would meet leases that ran out.
    for number in range(20):
        tenon.add({"id": "evt-%d" % number})
        wait_for(lambda n=number: receiver.stats()["records"] == n + 1, "record %d" % number)
    assert receiver.stats()["requests"] == 22
    held.set()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 22}, "22 successes")
    assert receiver.stats()["duplicates"] == 0 and receiver.stats()["requests"] == 22


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_a_pause_lasts_as_long_as_it_was_asked_for(tenon, receiver, clock, step_s):
    receiver.break_it(status=429, count=1, retry_after=4)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks").get("retrying"), "the refusal")
    clock.step(step_s)
    tenon.add({"id": "evt-2"})  # makes the lane look
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 2}, "both to succeed", timeout=30)
    tries = [one["at"] for one in receiver.exchanges if json.loads(one["body"])["id"] == "evt-1"]
    assert len(tries) == 2 and tries[1] - tries[0] >= 3.9, tries


@pytest.mark.parametrize("is_killed", [False, True], ids=["running", "killed"])
@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_an_open_breaker_closes_no_later(tenon, receiver, clock, step_s, is_killed):
    receiver.break_it(status=500)
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        more="[breaker]\nmin_requests = 5\nopen = 1s\nopen_max = 2s\n",
        retry="[retry]\nbase = 100ms\nmax = 1s\nmax_attempts = 100\n",
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(50)))
    wait_for(lambda: tenon.integration("hooks")["state"] == "breaker-open", "the breaker to open")
    clock.step(step_s)
    receiver.mend()
    if is_killed:
        tenon.kill()
        tenon.start()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 50}, "50 successes", timeout=30)


def test_uptime_is_no_hour_longer(tenon, clock):
    tenon.start()
    for step_s in (HOUR_S, -HOUR_S, -HOUR_S):
        clock.step(step_s)
        assert 0 <= tenon.get("/api/v1/status").json["uptime_seconds"] < 60


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_what_waits_over_a_step_and_a_kill_waits_no_longer(tenon, receiver, clock, step_s):
    """What is due is on disk by the clock of the former life, which was an hour off."""
    receiver.break_it(status=503)
    tenon.webhook(
        "hooks", receiver.url("/in"), retry="[retry]\nbase = 1s\nmax = 2s\nmax_attempts = 100\n"
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(50)))
    wait_for(lambda: tenon.states("hooks").get("retrying", 0) > 0, "tries that failed")
    clock.step(step_s)
    tries = receiver.stats()["requests"]
    wait_for(lambda: receiver.stats()["requests"] > tries, "a try after the step", timeout=30)
    tenon.kill()
    receiver.mend()
    tenon.start()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 50}, "50 successes", timeout=30)


def test_a_clock_set_back_before_the_start_holds_nothing_up(tenon, receiver, clock):
    """The step comes while nothing runs: a machine without a battery that starts in the past."""
    receiver.break_it(status=503)
    tenon.webhook(
        "hooks", receiver.url("/in"), retry="[retry]\nbase = 1s\nmax = 2s\nmax_attempts = 100\n"
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(50)))
    wait_for(lambda: tenon.states("hooks").get("retrying", 0) > 0, "tries that failed")
    tenon.kill()
    clock.step(-HOUR_S)
    receiver.mend()
    tenon.start()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 50}, "50 successes", timeout=30)
    assert abs(said_time_s(tenon) - time.time() + HOUR_S) < 60  # stamps are the wall's all the same


def test_when_is_told_by_the_clock_on_the_wall(tenon, receiver, clock):
    """After a step, `next_at` is still a time that a person can wait for."""
    import datetime

    receiver.break_it(status=503)
    tenon.webhook(
        "hooks", receiver.url("/in"), retry="[retry]\nbase = 60s\nmax = 90s\nmax_attempts = 100\n"
    )
    tenon.start()
    clock.step(-HOUR_S)
    tenon.add({"id": "evt-1"})
    row = wait_for(lambda: tenon.submissions(state="retrying"), "a try that failed")[0]
    at = datetime.datetime.fromisoformat(row["next_try_at"][:-1] + "+00:00").timestamp()
    assert -5 < at - (time.time() - HOUR_S) < 120, row
