# SPDX-License-Identifier: Apache-2.0
"""What is of age goes by itself, `why` says so, and nothing is delivered again because of it."""
from daemon import wait_for


def details_of(tenon, entity):
    answer = tenon.why(entity)
    assert answer.status == 200, answer
    return answer.json["integrations"][0]["submissions"][0]


def test_details_of_delivered_ones_go_and_nothing_is_sent_again(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store="keep_succeeded = 1s\nkeep_signals = 1s\n")
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(50)))
    wait_for(lambda: receiver.stats()["records"] >= 50, "50 records at the receiver")
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 50}, "the verdicts")
    row = wait_for(
        lambda: (found := details_of(tenon, "evt-7")).get("details") and found,
        "the details to go",
    )
    assert row["state"] == "succeeded" and row["history"] == []
    assert row["details"] == "succeeded; its details were removed after keep_succeeded = 1s"
    assert "removed after keep_succeeded = 1s" in tenon.cli("why", "evt-7").stdout
    status = wait_for(
        lambda: (found := tenon.get("/api/v1/status").json["store"])["removed_details"] >= 50
        and found["removed_signals"] >= 50
        and found,
        "the figures",
    )
    assert status["free_bytes"] >= 0 and status["oldest_reader_ms"] >= 0
    metrics = tenon.get("/metrics").body.decode()
    assert 'tenon_store_retired_total{kind="details"} 50' in metrics

    assert tenon.stop() == 0
    tenon.start()
    tenon.cli("submit", "hooks")  # what was never submitted: nothing
    tenon.add({"id": "evt-last"})
    wait_for(lambda: receiver.stats()["records"] >= 51, "the last record")
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 51}, "the last verdict")
    assert receiver.stats()["records"] == 51


def test_zero_keeps_forever(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.host_ini(store="keep_succeeded = 0\nkeep_signals = 1s\n")
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 1}, "the delivery")
    wait_for(
        lambda: tenon.get("/api/v1/status").json["store"]["removed_signals"] >= 1, "a signal to go"
    )
    assert len(details_of(tenon, "evt-1")["history"]) == 1


def test_settled_entities_go_and_what_waits_does_not(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.webhook("dead", "http://127.0.0.1:9/nobody", select="type = other\n")
    tenon.host_ini(store="keep_succeeded = 1s\nkeep_signals = 1s\nkeep_entities = 1s\n")
    tenon.start()
    tenon.add({"id": "waits"}, type="other")
    tenon.add({"id": "evt-1", "n": 1})
    wait_for(lambda: receiver.stats()["records"] >= 1, "the record")
    wait_for(lambda: tenon.get("/api/v1/entities/evt-1").status == 404, "the entity to go")
    assert tenon.get("/api/v1/entities/waits").status == 200
    assert 'retired_total{kind="entity"} 1' in tenon.get("/metrics").body.decode()
    first = receiver.exchanges[0]["headers"]["idempotency-key"]

    tenon.add({"id": "evt-1", "n": 2})
    wait_for(lambda: receiver.stats()["records"] >= 2, "the new one of that id")
    assert receiver.exchanges[1]["headers"]["idempotency-key"] != first
    assert tenon.cli("store", "check").stdout == "the store is in order\n"
    assert tenon.get("/api/v1/entities/waits").status == 200
