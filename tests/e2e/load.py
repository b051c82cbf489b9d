# SPDX-License-Identifier: Apache-2.0
"""Load that goes on whatever happens to the daemon, and what is to be found afterwards: nothing
that was acknowledged is lost, and what came twice was in flight and carries its first key."""
import contextlib
import http.client
import json
import random
import shutil
import sqlite3
import threading
import time

from daemon import wait_for


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


class Load:
    """Producers, and the books kept over kills."""

    def __init__(self, tenon, receiver, producers=4, seed=None):
        self.tenon = tenon
        self.receiver = receiver
        self.in_flight = 0
        seed = random.randrange(1 << 32) if seed is None else seed
        print("seed %d" % seed)
        self.moments = random.Random(seed)
        self.producers = [Producer(tenon.port, "p%d" % number) for number in range(producers)]
        for producer in self.producers:
            producer.start()

    def wait_for_a_moment(self, most_s=0.5, timeout=30):
        """Until deliveries go on, and then a moment by chance."""
        before = self.receiver.stats()["requests"]
        wait_for(lambda: self.receiver.stats()["requests"] > before, "deliveries to go on", timeout)
        time.sleep(self.moments.uniform(0.0, most_s))  # the random moment itself

    def kill(self):
        """The whole tree; counts what was in hand."""
        self.tenon.kill()
        self.in_flight += in_flight_on_disk(self.tenon.store_folder, self.tenon.folder / "look")

    def stop(self):
        """No more is produced; every id that was acknowledged."""
        for producer in self.producers:
            producer.ended.set()
        for producer in self.producers:
            producer.join()
        return {entity for producer in self.producers for entity in producer.acked}

    def check(self, least=1000, timeout=120):
        """All of it arrives, and what came twice was in hand at a kill and has its first key."""
        acked = self.stop()
        assert len(acked) > least, "too little load to mean anything: %d" % len(acked)
        wait_for(
            lambda: len(acked - set(first_and_later_keys(self.receiver))) == 0,
            "all %d acknowledged records" % len(acked),
            timeout=timeout,
            every=0.5,
        )
        keys = first_and_later_keys(self.receiver)
        twice = {entity: some for entity, some in keys.items() if len(some) > 1}
        duplicates = sum(len(some) - 1 for some in twice.values())
        print(
            "%d acknowledged, 0 lost, %d duplicates, %d in flight at the kills"
            % (len(acked), duplicates, self.in_flight)
        )
        assert all(len(set(some)) == 1 for some in twice.values()), "a duplicate with another key"
        assert duplicates <= self.in_flight
        return acked
