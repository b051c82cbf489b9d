# SPDX-License-Identifier: Apache-2.0
"""Every error class is really produced, and called by the same name in the list of submissions, in
why, as a filter and in the metrics."""
import re

import pytest
from daemon import TOP, build_plugin, free_port, hold_answers, wait_for

SLOW_RETRY = "[retry]\nbase = 60s\nmax = 60s\n"


def check(tenon, entity, error_class, state):
    wait_for(lambda: tenon.states("hooks").get(state), "%s to be %s" % (entity, state))
    row = next(row for row in tenon.submissions() if row["entity"] == entity)
    assert (row["error_class"], row["state"]) == (error_class, state), row
    assert [one["entity"] for one in tenon.submissions(**{"class": error_class})] == [entity]
    shown = tenon.get("/api/v1/submissions/%d" % row["number"]).json
    assert shown["history"][-1]["error_class"] == error_class
    assert error_class in tenon.cli("submission", "show", str(row["number"])).stdout
    assert error_class in tenon.cli("why", entity).stdout
    # Once or more: a wait of up to a minute, drawn at random, is now and then a short one.
    line = 'tenon_attempt_errors_total{integration="hooks",class="%s"} [1-9]' % error_class
    assert re.search(line, tenon.get("/metrics").body.decode())


@pytest.mark.parametrize(
    "status, error_class, state",
    [
        (401, "authentication", "retrying"),
        (403, "authentication", "retrying"),
        (407, "authentication", "retrying"),
        (400, "validation", "failed"),
        (413, "validation", "failed"),
        (422, "validation", "failed"),
        (429, "rate-limited", "retrying"),
        (408, "server", "retrying"),
        (500, "server", "retrying"),
        (503, "server", "retrying"),
        (404, "permanent", "failed"),
        (301, "permanent", "failed"),
    ],
)
def test_of_an_answer(tenon, receiver, status, error_class, state):
    receiver.break_it(status=status)
    tenon.webhook("hooks", receiver.url("/in"), retry=SLOW_RETRY)
    tenon.start()
    tenon.add({"id": "evt-1"})
    check(tenon, "evt-1", error_class, state)


def test_of_a_destination_not_reached(tenon):
    tenon.webhook("hooks", "http://127.0.0.1:%d/in" % free_port(), retry=SLOW_RETRY)
    tenon.start()
    tenon.add({"id": "evt-1"})
    check(tenon, "evt-1", "connection", "retrying")


def test_of_an_answer_never_seen(tenon, receiver):
    receiver.break_it(how="lost")
    tenon.webhook("hooks", receiver.url("/in"), retry=SLOW_RETRY)
    tenon.start()
    tenon.add({"id": "evt-1"})
    check(tenon, "evt-1", "unknown", "unknown")


def test_of_a_stop_while_the_answer_is_awaited(tenon, receiver):
    hold_answers(receiver)
    tenon.webhook("hooks", receiver.url("/in"), retry=SLOW_RETRY)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: receiver.counters["requests"] == 1, "the request that hangs")
    assert tenon.stop(timeout=40) == 0
    tenon.webhook("hooks", receiver.url("/in"), select="type = event\nselector = none\n")
    tenon.start()
    row = tenon.submissions()[0]
    first = tenon.get("/api/v1/submissions/%d" % row["number"]).json["history"][0]
    assert (first["state"], first["error_class"]) == ("unknown", "cancelled"), first


@pytest.mark.parametrize(
    "code, error_class, state",
    [
        (1, "connection", "retrying"),
        (2, "authentication", "retrying"),
        (3, "validation", "failed"),
        (4, "rate-limited", "retrying"),
        (5, "server", "retrying"),
        (6, "permanent", "failed"),
        (7, "cancelled", "retrying"),
        (8, "unknown", "unknown"),
        (9, "no-memory", "retrying"),
        (10, "unsupported", "failed"),
    ],
)
def test_of_a_plugin_that_sends_by_itself(tenon, code, error_class, state):
    plugins = tenon.folder / "plugins"
    build_plugin(TOP / "tests/e2e/plugins/classy.c", plugins / "classy.so")
    tenon.host_ini(plugins=[plugins])
    tenon.ini("hooks", "[integration]\nplugin = classy\n[select]\ntype = event\n" + SLOW_RETRY)
    tenon.start()
    tenon.add({"id": "evt-%d" % code})
    check(tenon, "evt-%d" % code, error_class, state)
