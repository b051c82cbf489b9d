# SPDX-License-Identifier: Apache-2.0
"""SIGTERM drains and ends; what could not go before goes after the next start."""
import signal

from daemon import hold_answers, wait_for


def test_sigterm_drains_then_ends(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(2000)))
    wait_for(lambda: receiver.stats()["requests"] > 20, "deliveries under way")
    workers = tenon.workers()
    assert tenon.stop() == 0
    assert workers and not tenon.socket.exists()
    at_stop = receiver.stats()
    tenon.start()
    wait_for(lambda: receiver.stats()["records"] == 2000, "the rest after the next start")
    assert receiver.stats()["duplicates"] == 0, (
        "what was in flight at the stop was not waited for: %r" % at_stop
    )


def test_sigint_is_sigterm(tenon):
    tenon.start()
    tenon.process.send_signal(signal.SIGINT)
    assert tenon.process.wait(20) == 0


def test_stops_in_time_when_the_destination_hangs(tenon, receiver):
    hold_answers(receiver)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(
        lambda: receiver.stats is not None and receiver.counters["requests"] == 1,
        "the request that hangs",
    )
    assert tenon.stop(timeout=40) == 0


def test_a_second_daemon_on_the_same_store_is_refused(tenon, folder):
    import subprocess
    from daemon import BUILD

    tenon.start()
    run = subprocess.run(
        [str(BUILD / "host/tenond"), "--conf", str(tenon.conf), "--state", str(tenon.state)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode != 0 and run.stderr.strip()
    assert tenon.get("/health").status == 200


def test_a_stale_socket_is_replaced(tenon):
    tenon.start()
    tenon.kill()
    assert tenon.socket.exists()
    tenon.start()
    assert tenon.get("/health").status == 200
