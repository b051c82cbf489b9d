# SPDX-License-Identifier: Apache-2.0
"""A request of many records that is refused as a whole goes again in halves, until what is refused
is the one bad record: the others arrive, with a key of its own for each body, and without a try
counted against them."""
import json

import pytest
from daemon import TOP, build_plugin, wait_for

MANY = 64
ROUNDS = 6  # log2 of it


def records(*bad):
    return [
        {"id": ("bad-%d" if number in bad else "evt-%d") % number, "text": "x" * 100}
        for number in range(MANY)
    ]


def ids_in(exchange):
    body = exchange["body"].decode()
    if not body.startswith("["):
        return [json.loads(line)["id"] for line in body.splitlines()]
    return [one["id"] for one in json.loads(body)]


def refuse_bad(status):
    def answer(exchange):
        if any(one.startswith("bad") for one in ids_in(exchange)):
            return status, {}, b'{"error":"one of these has no venue"}'
        return 200, {}, b"{}"

    return answer


def delivered(receiver):
    found = []
    for one in receiver.exchanges:
        if one["answer"] == 200:
            found += ids_in(one)
    return found


def check_keys(receiver):
    """One key per body, and never one key for two bodies."""
    bodies = {}
    for one in receiver.exchanges:
        bodies.setdefault(one["headers"]["idempotency-key"], set()).add(one["body"])
    assert all(len(body) == 1 for body in bodies.values()), bodies.keys()
    assert len(bodies) == len({one["body"] for one in receiver.exchanges})


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_one_bad_record_ends_alone(tenon, receiver, status, form):
    receiver.answer = refuse_bad(status)
    tenon.webhook("hooks", receiver.url("/in"), settings="batch = %d\nformat = %s\n" % (MANY, form))
    tenon.start()
    tenon.add(*records(37))
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": MANY - 1, "failed": 1},
        "all but one delivered",
    )
    assert sorted(delivered(receiver)) == sorted(
        one["id"] for one in records() if "37" not in one["id"]
    )
    assert receiver.stats()["requests"] <= 1 + 2 * ROUNDS
    check_keys(receiver)
    assert {row["attempts"] for row in tenon.submissions()} == {1}
    failed = tenon.submissions(state="failed")[0]
    assert (failed["http_status"], failed["error_class"]) == (status, "validation")
    told = tenon.cli("why", "bad-37").stdout
    assert "HTTP %d" % status in told and "one of these has no venue" in told, told
    assert (
        'tenon_splits_total{integration="hooks"} %d' % ROUNDS in tenon.get("/metrics").body.decode()
    )


def test_several_bad_ones(tenon, receiver):
    bad = (0, 1, 30, 63)
    receiver.answer = refuse_bad(422)
    tenon.webhook("hooks", receiver.url("/in"), settings="batch = %d\n" % MANY)
    tenon.start()
    tenon.add(*records(*bad))
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": MANY - len(bad), "failed": len(bad)},
        "all but four delivered",
    )
    assert len(delivered(receiver)) == len(set(delivered(receiver))) == MANY - len(bad)
    assert receiver.stats()["requests"] <= 1 + 2 * ROUNDS * len(bad)
    check_keys(receiver)


def test_too_large_together_is_not_too_large_apart(tenon, receiver):
    receiver.answer = lambda exchange: (413 if len(ids_in(exchange)) > 10 else 200, {}, b"")
    tenon.webhook("hooks", receiver.url("/in"), settings="batch = %d\n" % MANY)
    tenon.start()
    tenon.add(*records())
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": MANY}, "all delivered in smaller requests"
    )
    assert max(len(ids_in(one)) for one in receiver.exchanges if one["answer"] == 200) == 8


def test_a_tight_rate_does_not_start_it_over(tenon, receiver):
    """Halves that had to wait for a claim of their own would be claimed as a whole again."""
    receiver.answer = refuse_bad(422)
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        settings="batch = %d\n" % MANY,
        more="[rate_limit]\nrate = 10/s\nburst = 1\n",
    )
    tenon.start()
    tenon.add(*records(20))
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": MANY - 1, "failed": 1},
        "all but one delivered",
    )


@pytest.mark.parametrize(
    "status, state",
    [(401, "retrying"), (403, "retrying"), (404, "failed"), (415, "failed"), (500, "retrying")],
)
def test_what_is_no_ones_fault_is_not_split(tenon, receiver, status, state):
    receiver.break_it(status=status)
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        settings="batch = %d\n" % MANY,
        retry="[retry]\nbase = 60s\nmax = 60s\n",
    )
    tenon.start()
    tenon.add(*records())
    wait_for(lambda: tenon.states("hooks") == {state: MANY}, "one answer for all")
    assert receiver.stats()["requests"] == 1


@pytest.fixture
def fussy(tenon, receiver):
    def start(how):
        build_plugin(
            TOP / "tests/e2e/plugins/fussy.c",
            tenon.folder / "plugins/fussy.so",
            how if how == "SUBMITS" else "HOW=" + how,
        )
        tenon.host_ini(plugins=[tenon.folder / "plugins"])
        receiver.answer = refuse_bad(422)
        tenon.ini(
            "hooks",
            "[integration]\nplugin = fussy\nbase_url = %s\n[select]\ntype = event\n"
            % receiver.url(),
        )
        tenon.start()
        tenon.add(*records(5, 40))

    return start


@pytest.mark.parametrize("how", ["JUDGES", "PREPARES", "SUBMITS"])
def test_refused_as_a_whole_by_the_plugin(tenon, receiver, fussy, how):
    fussy(how)
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": MANY - 2, "failed": 2},
        "all but two delivered",
    )
    assert {row["entity"] for row in tenon.submissions(state="failed")} == {"bad-5", "bad-40"}
    assert {row["attempts"] for row in tenon.submissions()} == {1}
    if how != "SUBMITS":
        assert len(delivered(receiver)) == len(set(delivered(receiver))) == MANY - 2
    if how != "JUDGES":
        assert "refused a batch of 1" in tenon.cli("why", "bad-5").stdout


def test_a_judge_that_tells_records_apart_is_believed(tenon, receiver, fussy):
    fussy("TELLS")
    wait_for(lambda: tenon.states("hooks") == {"failed": MANY}, "a verdict for each")
    assert receiver.stats()["requests"] == 1
