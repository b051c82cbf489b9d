# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the whole tree at random moments under load: what was acknowledged arrives, what comes
twice was in flight and carries the key of its first attempt."""
import contextlib
import os
import signal

from daemon import wait_for
from load import Load

ROUNDS = 20


def test_nothing_acknowledged_is_lost_over_20_kills(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    load = Load(tenon, receiver)
    for _ in range(ROUNDS):
        load.wait_for_a_moment()
        load.kill()
        tenon.start()
    load.check()


def test_a_killed_worker_costs_nothing(tenon, receiver):
    """The worker alone is killed, again and again; the daemon starts it anew."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    sent = 0
    for _ in range(3):
        tenon.add(*({"id": "evt-%d" % number} for number in range(sent, sent + 300)))
        sent += 300
        for pid in wait_for(tenon.workers, "a worker"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: receiver.stats()["records"] == sent, "%d records" % sent)
    assert tenon.is_running()
    wait_for(lambda: tenon.states("hooks") == {"succeeded": sent}, "all to succeed")
    assert tenon.integration("hooks")["worker"]["crashes"] >= 3


def test_workers_end_with_their_daemon(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    workers = wait_for(tenon.workers, "a worker")
    os.kill(tenon.process.pid, signal.SIGKILL)
    tenon.process.wait()

    def are_gone():
        return not any(
            os.path.exists("/proc/%d" % pid)
            and "Z" not in open("/proc/%d/stat" % pid).read().split()[2]
            for pid in workers
        )

    wait_for(are_gone, "the workers to end by themselves")
