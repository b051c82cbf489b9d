# SPDX-License-Identifier: Apache-2.0
"""A full disk: intake says so (507), nothing is half stored, and what was acknowledged is still
there."""
import contextlib
import json
import sqlite3
import subprocess

import pytest
from daemon import wait_for


@pytest.fixture
def small_disk(tenon, needs_root):
    path = tenon.folder / "small"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tenon-test", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("cannot mount a tmpfs: %s" % mounted.stderr.strip())
    yield path
    tenon.kill()
    subprocess.run(["umount", str(path)], check=False)


def test_intake_says_507_and_nothing_is_torn(tenon, receiver, small_disk):
    receiver.break_it(status=503, retry_after=3600)  # deliveries stay away meanwhile
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store_url="sqlite:%s/tenon.db" % small_disk)
    tenon.start()
    acked = []
    refusal = None
    for number in range(400):
        records = [{"id": "evt-%d-%d" % (number, k), "text": "x" * 2000} for k in range(20)]
        answer = tenon.post("/ingest?type=event", "\n".join(map(json.dumps, records)))
        if answer.status >= 300:
            refusal = answer
            break
        acked += [record["id"] for record in records]
    assert refusal is not None and refusal.status == 507, refusal
    assert "no space" in refusal.body.decode().lower() or "full" in refusal.body.decode().lower()
    assert len(acked) > 100
    assert tenon.is_running() and tenon.get("/api/v1/status").status == 200
    for entity in (acked[0], acked[-1]):
        assert tenon.get("/api/v1/entities/" + entity).status == 200
    assert tenon.get("/api/v1/entities/evt-%d-0" % number).status == 404

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    wait_for(
        lambda: tenon.post("/ingest?type=event", '{"id":"after"}').status < 300,
        "intake with room again",
    )
    receiver.mend()
    assert tenon.stop() == 0
    with contextlib.closing(sqlite3.connect(str(small_disk / "tenon.db"))) as store:
        assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        stored = {row[0] for row in store.execute("SELECT id FROM entities")}
    assert stored == set(acked) | {"after"}


def fill(tenon):
    """Puts records until the disk is full; the ids that were acknowledged."""
    acked = []
    for number in range(400):
        records = [{"id": "evt-%d-%d" % (number, k), "text": "x" * 2000} for k in range(20)]
        answer = tenon.post("/ingest?type=event", "\n".join(map(json.dumps, records)))
        if answer.status >= 300:
            assert answer.status == 507, answer
            return acked, answer
        acked += [record["id"] for record in records]
    raise AssertionError("the disk never was full")


def test_deliveries_go_on_while_intake_is_refused(tenon, receiver, small_disk):
    receiver.break_it(status=503, retry_after=1)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store_url="sqlite:%s/tenon.db" % small_disk)
    tenon.start()
    acked, refusal = fill(tenon)
    problem = refusal.json
    assert problem["code"] == "no_space" and "make room" in problem["detail"], problem
    assert tenon.get("/api/v1/status").json["store"]["full"] is True
    assert "tenon_store_full 1" in tenon.get("/metrics").body.decode()
    assert not (small_disk / "tenon.db-reserve").exists()
    assert "DISK IS FULL" in tenon.cli("status").stdout

    receiver.mend()
    wait_for(
        lambda: tenon.get("/api/v1/status").json["store"]["full"] is True
        and len(tenon.submissions(integration="hooks", state="succeeded", limit=10)) > 0,
        "verdicts on a full disk",
    )
    assert tenon.post("/ingest?type=event", '{"id":"refused"}').status == 507

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    wait_for(
        lambda: tenon.post("/ingest?type=event", '{"id":"after"}').status < 300,
        "intake with room again",
    )
    wait_for(
        lambda: receiver.stats()["records"] >= len(acked) + 1, "everything to be delivered", 60
    )
    assert tenon.get("/api/v1/status").json["store"]["full"] is False
    assert (small_disk / "tenon.db-reserve").exists()
    assert {json.loads(one["body"])["id"] for one in receiver.exchanges} == set(acked) | {"after"}
    assert tenon.stop() == 0


def test_dies_on_a_full_disk_and_loses_nothing(tenon, receiver, small_disk):
    receiver.break_it(status=503, retry_after=1)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store_url="sqlite:%s/tenon.db" % small_disk)
    tenon.start()
    acked, _ = fill(tenon)
    tenon.kill()
    tenon.start()  # on a disk that is still full
    assert tenon.get("/api/v1/entities/" + acked[-1]).status == 200
    tenon.kill()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    receiver.mend()
    tenon.start()
    wait_for(
        lambda: len({json.loads(one["body"])["id"] for one in receiver.exchanges}) >= len(acked),
        "everything to be delivered",
        60,
    )
    assert tenon.stop() == 0
    with contextlib.closing(sqlite3.connect(str(small_disk / "tenon.db"))) as store:
        assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_verdicts_wait_in_memory_when_there_is_no_reserve(tenon, receiver, small_disk):
    receiver.break_it(status=503, retry_after=1)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store_url="sqlite:%s/tenon.db" % small_disk, store="reserve = 0\n")
    tenon.start()
    acked, _ = fill(tenon)
    receiver.mend()
    wait_for(
        lambda: "could not be written" in tenon.log_text()
        or "could not take work" in tenon.log_text()
        or receiver.stats()["records"] > 0,
        "the lane to meet the full disk",
    )
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    wait_for(
        lambda: tenon.post("/ingest?type=event", '{"id":"after"}').status < 300,
        "intake with room again",
    )
    wait_for(
        lambda: receiver.stats()["records"] >= len(acked) + 1, "everything to be delivered", 60
    )
    wait_for(
        lambda: len(tenon.submissions(integration="hooks", state="succeeded"))
        == min(1000, len(acked) + 1),
        "the verdicts",
    )
    stats = receiver.stats()
    assert stats["records"] == len(acked) + 1 and stats["duplicates"] == 0, stats
    assert tenon.cli("store", "check").stdout == "the store is in order\n"
    assert tenon.log_text().count("has room again") == 1
    assert tenon.stop() == 0
