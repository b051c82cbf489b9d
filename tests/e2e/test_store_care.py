# SPDX-License-Identifier: Apache-2.0
"""The store is checked, compacted and backed up while it works; a backup is a store."""
import contextlib
import http.client
import json
import sqlite3
import stat

from daemon import wait_for


def deliver(tenon, receiver, count, first=0):
    before = receiver.stats()["records"]
    tenon.add(*({"id": "evt-%d" % number} for number in range(first, first + count)))
    wait_for(lambda: receiver.stats()["records"] >= before + count, "%d records" % count)
    wait_for(lambda: set(tenon.states("hooks")) == {"succeeded"}, "the verdicts")


def test_check_says_what_does_not_hold(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    deliver(tenon, receiver, 20)
    assert tenon.cli("store", "check").stdout == "the store is in order\n"
    with contextlib.closing(sqlite3.connect(str(tenon.state / "tenon.db"))) as store:
        store.execute("UPDATE counts SET count = count + 1 WHERE state = 2")
        store.commit()
    broken = tenon.cli("store", "check", check=False)
    assert broken.returncode == 1 and "counts by integration and state" in broken.stdout
    assert "1 problem:" in broken.stderr
    answer = json.loads(tenon.cli("store", "check", "--json", check=False).stdout)
    assert answer["state"] == "done" and answer["ok"] is False and len(answer["problems"]) == 1


def test_compact_gives_back_and_delivery_goes_on(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store="keep_succeeded = 1h\nkeep_signals = 1h\n")
    tenon.start()
    deliver(tenon, receiver, 200)
    assert tenon.stop() == 0
    with contextlib.closing(sqlite3.connect(str(tenon.state / "tenon.db"))) as store:
        store.execute("UPDATE submissions SET changed_ms = changed_ms - 7200000")
        store.execute("UPDATE attempts SET answer = hex(zeroblob(4000))")
        store.commit()
    before = (tenon.state / "tenon.db").stat().st_size
    tenon.start()
    said = tenon.cli("store", "compact").stdout
    assert "given back" in said, said
    assert (tenon.state / "tenon.db").stat().st_size < before / 2
    status = tenon.get("/api/v1/store").json
    assert status["removed_details"] == 200 and status["free_bytes"] == 0
    assert status["work"]["name"] == "compact" and status["work"]["state"] == "done"
    deliver(tenon, receiver, 20, first=200)
    assert receiver.stats()["records"] == 220


def test_a_backup_made_under_load_is_a_store(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    deliver(tenon, receiver, 300)
    receiver.break_it(status=503, retry_after=3600)
    tenon.add({"id": "evt-waits"})
    wait_for(lambda: tenon.states("hooks").get("retrying") == 1, "the one that waits")
    keys = {row["entity"]: row["idempotency_key"] for row in tenon.submissions()}
    copy = tenon.folder / "copy.db"
    said = tenon.cli("store", "backup", copy).stdout
    assert str(copy) in said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    again = tenon.cli("store", "backup", copy, check=False)
    assert again.returncode == 1 and "not overwritten" in again.stderr
    tenon.add({"id": "evt-too-late"})
    tenon.kill()

    receiver.mend()
    tenon.host_ini(store_url="sqlite:%s" % copy)
    tenon.start()
    before = receiver.stats()["records"]
    assert tenon.get("/api/v1/entities/evt-too-late").status == 404
    assert {row["entity"]: row["idempotency_key"] for row in tenon.submissions()} == keys
    tenon.cli("submit", "hooks", "--entity", "evt-waits")
    wait_for(lambda: receiver.stats()["records"] >= before + 1, "the one that waited")
    deliver(tenon, receiver, 1, first=1000)
    assert receiver.stats()["records"] == before + 2
    assert tenon.cli("store", "check").stdout == "the store is in order\n"


def test_a_backup_takes_the_place_of_a_store_that_was_killed(tenon):
    """What that store had in its log is not played into the copy."""
    tenon.start()
    tenon.add({"id": "evt-early"})
    copy = tenon.folder / "copy.db"
    tenon.cli("store", "backup", copy)
    for start in range(0, 3000, 500):
        tenon.add(*({"id": "evt-%d" % number} for number in range(start, start + 500)))
    tenon.kill()
    store = tenon.state / "tenon.db"
    assert store.with_name("tenon.db-wal").stat().st_size > 0
    store.write_bytes(copy.read_bytes())

    tenon.start()
    dropped = "removed what another store had left beside this copy"
    assert tenon.log_text().count(dropped) == 2, "the log and its index"
    assert tenon.cli("store", "check").stdout == "the store is in order\n"
    assert tenon.get("/api/v1/entities/evt-early").status == 200
    assert tenon.get("/api/v1/entities/evt-2999").status == 404
    # From here on it is a store with a log of its own, which a kill leaves behind, too.
    tenon.add({"id": "evt-later"})
    tenon.kill()
    tenon.start()
    assert tenon.get("/api/v1/entities/evt-later").status == 200
    assert tenon.log_text().count(dropped) == 2


def test_a_backup_is_not_for_the_network(tenon):
    tenon.start()
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=20)
    connection.request(
        "POST",
        "/api/v1/store/backup",
        body='{"file":"%s"}' % (tenon.folder / "copy.db"),
        headers={"Content-Type": "application/json"},
    )
    answer = connection.getresponse()
    assert answer.status == 403 and json.loads(answer.read())["code"] == "forbidden"
    connection.close()
    assert tenon.post("/api/v1/store/backup", '{"file":7}').status == 400
    assert tenon.post("/api/v1/store/backup", '{"file":"copy.db"}').status == 202
    work = wait_for(
        lambda: (found := tenon.get("/api/v1/store").json["work"])["state"] == "failed" and found,
        "the refusal",
    )
    assert "absolute path" in work["error"]
    assert not (tenon.folder / "copy.db").exists()
