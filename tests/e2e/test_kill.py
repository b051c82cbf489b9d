# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the whole tree at random moments under load: what was acknowledged arrives, what comes
twice was in flight and carries the key of its first attempt."""
import contextlib
import http.client
import json
import random
import shutil
import sqlite3
import threading
import time

from daemon import wait_for

ROUNDS = 20
SEED = random.randrange(1 << 32)


class Producer(threading.Thread):
    """Posts records one after the other until each is answered 2xx; keeps the ids that were."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.port = port
        self.prefix = name
        self.acked = []
        self.ended = threading.Event()

    def run(self):
        number = 0
        while not self.ended.is_set():
            size = random.choice((1, 1, 10, 50))
            records = [
                {"id": "%s-%d" % (self.prefix, number + k), "text": "x" * 300} for k in range(size)
            ]
            number += size
            body = "\n".join(map(json.dumps, records)).encode()
            while not self.post(body) and not self.ended.is_set():
                time.sleep(0.01)  # the daemon is down: a producer's own pace
            else:
                if self.answered:
                    self.acked += [record["id"] for record in records]

    def post(self, body):
        self.answered = False
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request(
                "POST", "/ingest?type=event", body, {"Content-Type": "application/x-ndjson"}
            )
            self.answered = 200 <= connection.getresponse().status < 300
            connection.close()
        return self.answered


def in_flight_on_disk(state, scratch):
    """How many submissions a store that was left by a kill has in hand, without a verdict: a look
    at a copy, so that the store itself stays as it was left."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for path in state.glob("tenon.db*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, scratch)
    store = sqlite3.connect(str(scratch / "tenon.db"))
    claimed = store.execute("SELECT coalesce(sum(last - first + 1), 0) FROM leases").fetchone()[0]
    judged = store.execute(
        "SELECT count(*) FROM submissions JOIN leases ON num BETWEEN first AND last"
        " WHERE state <> 1"
    ).fetchone()[0]
    again = store.execute(
        "SELECT count(*) FROM submissions WHERE state = 1 AND due_ms IS NOT NULL"
    ).fetchone()[0]
    assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.close()
    return claimed - judged + again


def first_and_later_keys(receiver):
    """entity id -> keys of its deliveries, in order."""
    keys = {}
    for one in receiver.exchanges:
        keys.setdefault(json.loads(one["body"])["id"], []).append(one["headers"]["idempotency-key"])
    return keys


def test_nothing_acknowledged_is_lost_over_20_kills(tenon, receiver):
    print("seed %d" % SEED)
    moments = random.Random(SEED)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    producers = [Producer(tenon.port, "p%d" % number) for number in range(4)]
    for producer in producers:
        producer.start()
    in_flight = 0
    for _ in range(ROUNDS):
        before = receiver.stats()["requests"]
        wait_for(lambda: receiver.stats()["requests"] > before, "deliveries to go on")
        time.sleep(moments.uniform(0.0, 0.5))  # the random moment itself
        tenon.kill()
        in_flight += in_flight_on_disk(tenon.state, tenon.folder / "look")
        tenon.start()
    for producer in producers:
        producer.ended.set()
    for producer in producers:
        producer.join()

    acked = {entity for producer in producers for entity in producer.acked}
    assert len(acked) > 1000, "too little load to mean anything: %d" % len(acked)
    wait_for(
        lambda: len(acked - set(first_and_later_keys(receiver))) == 0,
        "all %d acknowledged records" % len(acked),
        timeout=120,
        every=0.5,
    )
    keys = first_and_later_keys(receiver)
    twice = {entity: some for entity, some in keys.items() if len(some) > 1}
    duplicates = sum(len(some) - 1 for some in twice.values())
    print(
        "%d acknowledged, 0 lost, %d duplicates, %d in flight at the kills"
        % (len(acked), duplicates, in_flight)
    )
    assert all(len(set(some)) == 1 for some in twice.values()), "a duplicate with another key"
    assert duplicates <= in_flight


def test_a_killed_worker_costs_nothing(tenon, receiver):
    """The worker alone is killed, again and again; the daemon starts it anew."""
    import os
    import signal

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
    import os
    import signal

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
