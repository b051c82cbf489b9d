# SPDX-License-Identifier: Apache-2.0
"""Destinations are looked after on an interval: what is found shows, changes are told as signals,
deliveries go on as they were."""
import contextlib
import re
import socket
import threading

import pytest
from daemon import PATIENCE, free_port, wait_for
from live import Live


@pytest.fixture(autouse=True)
def ends_in_order(tenon):
    yield
    if tenon.is_running():
        assert tenon.stop() == 0


CHECKED = "[health]\ninterval = 100ms\ntimeout = 1s\nfailures = 3\nmethod = GET\n"


def health(tenon, name):
    return tenon.integration(name)["health"]


def signals(tenon):
    return [
        (row["type"], row["data"]["integration"])
        for row in tenon.get("/api/v1/signals?limit=1000").json["items"]
        if row["type"] in ("integration.unhealthy", "integration.healthy")
    ]


def test_a_destination_goes_and_comes(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"), more=CHECKED + "path = /down\nexpect = 404\n")
    tenon.webhook("quiet", receiver.url("/"))
    tenon.start()
    live = Live(tenon)
    live.subscribe(topics=["signals"], pattern="integration.*")
    wait_for(lambda: health(tenon, "hook")["status"] == "healthy", "the first checks")
    assert "health" not in tenon.integration("quiet")
    tenon.cli("integration", "set", "hook", "health.expect=200")
    wait_for(lambda: health(tenon, "hook")["status"] == "unhealthy", "what fails three times")
    found = health(tenon, "hook")
    assert found["failures"] >= 3 and "answered 404" in found["words"]
    assert found["failed"] >= 3 and found["checks"] > found["failed"]
    told = live.hear_until(lambda m: m["type"] == "integration.unhealthy")[-1]
    assert told["data"]["integration"] == "hook" and "answered 404" in told["data"]["words"]
    row = {x["name"]: x for x in tenon.get("/api/v1/integrations/health").json["items"]}
    assert row["hook"]["healthy"] is False and row["quiet"]["healthy"] is True
    run = tenon.cli("integration", "health", check=False)
    lines = [line.split() for line in run.stdout.splitlines()]
    assert run.returncode == 1
    assert lines[0] == ["INTEGRATION", "WELL", "STATE", "DESTINATION", "NOTE"]
    assert lines[1][:4] == ["hook", "no", "active", "unhealthy"] and len(lines) == 3, run.stdout
    text = tenon.get("/metrics").body.decode()
    assert 'tenon_health_status{integration="hook",status="unhealthy"} 1' in text
    assert 'tenon_health_checks_total{integration="hook",result="failed"}' in text
    # It holds nothing back.
    tenon.add({"id": "one"})
    wait_for(lambda: tenon.states("hook") == {"succeeded": 1}, "the delivery all the same")
    tenon.cli("integration", "set", "hook", "health.expect=404")
    wait_for(lambda: health(tenon, "hook")["status"] == "healthy", "its recovery")
    live.hear_until(lambda m: m["type"] == "integration.healthy")
    assert signals(tenon) == [("integration.unhealthy", "hook"), ("integration.healthy", "hook")]


def test_one_that_is_gone_is_degraded_first(tenon):
    url = "http://127.0.0.1:%d/" % free_port()
    tenon.webhook("dead", url, more=CHECKED.replace("failures = 3", "failures = 100"))
    tenon.start()
    wait_for(lambda: health(tenon, "dead")["status"] == "degraded", "a failed check")
    assert "GET http" in health(tenon, "dead")["words"]
    assert signals(tenon) == []


def test_many_do_not_come_at_once(tenon, receiver):
    """Twenty lanes that open together ask within the interval, each in its own time."""
    for i in range(20):
        more = "[health]\ninterval = 2s\nmethod = GET\npath = /records\nexpect = 2xx, 4xx\n"
        tenon.webhook("hook-%d" % i, receiver.url("/"), more=more)
    tenon.start()

    def checked():
        items = tenon.get("/api/v1/integrations").json["items"]
        times = [x["health"].get("checked_at") for x in items]
        return times if all(times) else None

    times = wait_for(checked, "a check of each")
    assert len({t[:21] for t in times}) > 3, times


def test_a_check_that_hangs_does_not_hold_the_end(tenon):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = "http://127.0.0.1:%d/" % silent.getsockname()[1]
        tenon.webhook("hangs", url, more="[health]\ninterval = 50ms\ntimeout = 60s\n")
        tenon.start()
        peer, _ = silent.accept()  # the check is under way
        with peer:
            tenon.cli("integration", "deactivate", "hangs")
            assert tenon.integration("hangs")["state"] == "inactive"
            assert tenon.stop(timeout=15) == 0


def test_who_asks_while_a_test_runs_gets_its_result(tenon):
    """However many ask, the destination has one request."""

    def under_way():  # with the one that asks
        text = tenon.get("/metrics").body.decode()
        return int(re.search(r"\ntenon_api_requests_under_way (\d+)", text).group(1))

    def ask():
        answers.append(tenon.post("/api/v1/integrations/slow/test").json)

    with socket.socket() as slow, contextlib.ExitStack() as stack:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        slow.settimeout(20 * PATIENCE)
        url = "http://127.0.0.1:%d/" % slow.getsockname()[1]
        tenon.webhook("slow", url, more="[health]\ntimeout = 60s\n")
        tenon.start()
        for asked in (5, 1):  # what came of the first is nothing to who asks later
            answers = []
            threads = [threading.Thread(target=ask) for _ in range(asked)]
            for thread in threads:
                thread.start()
            wait_for(lambda asked=asked: under_way() == asked + 1, "all of them to have asked")
            peer = stack.enter_context(slow.accept()[0])
            peer.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            for thread in threads:
                thread.join(20 * PATIENCE)
            assert len(answers) == asked and all(answer["ok"] for answer in answers), answers
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.accept()
