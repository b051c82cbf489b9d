# SPDX-License-Identifier: Apache-2.0
"""A worker that died comes back by itself, also when that takes more than one try: whatever is in
its way says so and is waited for. What says that it never will is left until a person has mended
it, and then needs no more than a reload."""
import json
import os
import re
import resource
import signal

import pytest
from daemon import PATIENCE, QUICK_RETRY, TOP, UnixConnection, build_plugin, wait_for


@pytest.fixture
def versioned(tenon, receiver):
    """Starts the daemon with one integration `hook`, whose plugin is built with `defines`; the
    file that it may need is there."""
    plugins = tenon.folder / "plugins"
    gate = plugins / "open"  # beside the plugin, where a worker may look

    def start(*defines):
        build_plugin(
            TOP / "tests/e2e/plugins/versioned.c",
            plugins / "versioned.so",
            'NEEDS="%s"' % gate,
            *defines,
        )
        gate.write_text("")
        tenon.host_ini(plugins=[plugins], host="watch = no\n")
        tenon.ini(
            "hook",
            "[integration]\nplugin = versioned\nbase_url = %s\n[select]\ntype = event\n%s"
            % (receiver.url(), QUICK_RETRY),
        )
        tenon.start()
        wait_for(lambda: tenon.integration("hook")["state"] == "active", "it to be open")
        return gate

    yield start
    if tenon.is_running():
        assert tenon.stop() == 0


def kill_worker(tenon):
    os.kill(tenon.integration("hook")["worker"]["pid"], signal.SIGKILL)


def arrived(receiver):
    return {json.loads(one["body"])["id"] for one in list(receiver.exchanges)}


def delivers(tenon, receiver, entity):
    tenon.add({"id": entity})
    wait_for(lambda: entity in arrived(receiver), "%s to be delivered" % entity)


def pauses(tenon, reason):
    """Lines that say that delivery pauses for this reason."""
    lines = tenon.log_text().splitlines()
    return [line for line in lines if "delivery pauses" in line and reason in line]


def commits(tenon):
    text = tenon.get("/metrics").body.decode()
    return int(re.search(r"^tenon_store_commits_total (\d+)", text, re.M).group(1))


def rests(tenon):
    """Nothing is claimed and given back, again and again, while the daemon goes on."""
    before = commits(tenon)
    up = tenon.get("/api/v1/status").json["uptime_seconds"]
    wait_for(lambda: tenon.get("/api/v1/status").json["uptime_seconds"] > up + 2, "two seconds")
    assert commits(tenon) - before <= 4


def test_a_worker_that_cannot_be_started_comes_back(tenon, receiver, versioned):
    """For want of descriptors: what there was at first has nothing to do with what is missing."""
    versioned()
    shown = UnixConnection(str(tenon.socket), 60 * PATIENCE)  # another would not be accepted

    def show():
        shown.request("GET", "/api/v1/integrations/hook")
        return json.loads(shown.getresponse().read())

    pid = show()["worker"]["pid"]
    limits = resource.prlimit(tenon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(tenon.process.pid, resource.RLIMIT_NOFILE, (5, limits[1]))
    os.kill(pid, signal.SIGKILL)
    words = "Too many open files"
    row = wait_for(lambda: (row := show()) and words in row.get("words", "") and row, "the words")
    assert row["state"] == "restarting", row
    resource.prlimit(tenon.process.pid, resource.RLIMIT_NOFILE, limits)
    shown.close()
    delivers(tenon, receiver, "evt-1")
    row = tenon.integration("hook")
    assert row["state"] == "active" and row["worker"]["crashes"] == 1, row
    assert row["worker"]["starts"] == 2 and row["worker"]["pid"] != pid, row
    assert "Too many open files; it starts again in" in tenon.log_text()


def test_an_integration_that_does_not_open_again_comes_back(tenon, receiver, versioned):
    gate = versioned()
    gate.unlink()
    kill_worker(tenon)
    words = "activate: nobody there"
    wait_for(lambda: tenon.integration("hook").get("words", "").startswith(words), "the words")
    assert tenon.integration("hook")["state"] == "restarting"
    assert words in tenon.cli("integration", "show", "hook").stdout
    gate.write_text("")
    delivers(tenon, receiver, "evt-1")
    assert tenon.integration("hook")["state"] == "active"
    assert tenon.integration("hook")["worker"]["starts"] == 2


@pytest.mark.parametrize("command", [("reload",), ("integration", "activate", "hook")])
def test_one_that_gave_up_is_opened_by_hand(tenon, receiver, versioned, command):
    gate = versioned("WITH=TENON_E_PERMANENT")
    gate.unlink()
    kill_worker(tenon)
    wait_for(lambda: tenon.integration("hook")["state"] == "failed", "it to give up")
    tenon.add({"id": "evt-0"})
    wait_for(lambda: pauses(tenon, "nobody there"), "it to be asked")
    rests(tenon)
    assert len(pauses(tenon, "nobody there")) == 1
    run = tenon.cli(*command, check=False)  # still not mended
    assert run.returncode == 1 and "nobody there" in run.stdout + run.stderr, run
    row = tenon.integration("hook")
    assert row["state"] == "failed" and "former" not in row["words"], row
    assert "former one goes on" not in tenon.log_text()
    gate.write_text("")
    tenon.cli(*command)
    wait_for(lambda: arrived(receiver) == {"evt-0"}, "what waited")
    delivers(tenon, receiver, "evt-1")
    assert tenon.integration("hook")["state"] == "active"


def test_one_in_quarantine_is_left_alone_until_its_pardon(tenon, receiver, versioned):
    """What waits is delivered at once then, not when somebody happens to look again."""
    peace = tenon.folder / "plugins/peace"
    versioned('CRASHES_WITHOUT="%s"' % peace)
    tenon.add(*({"id": "evt-%d" % number} for number in range(300)))
    wait_for(lambda: tenon.integration("hook")["state"] == "quarantined", "it", timeout=60)
    wait_for(lambda: pauses(tenon, "quarantined"), "it to be asked")
    wait_for(lambda: "in_flight" not in tenon.states("hook"), "what it had to be given back")
    rests(tenon)
    assert len(pauses(tenon, "quarantined")) == 1
    failed = tenon.states("hook").get("failed", 0)
    assert failed < 10 and not receiver.exchanges
    before = tenon.log_text().count("the plugin is back, delivery goes on")
    peace.write_text("")
    tenon.cli("integration", "activate", "hook")
    wait_for(
        lambda: tenon.states("hook").get("succeeded") == 300 - failed,
        "what waited",
    )
    assert tenon.log_text().count("the plugin is back, delivery goes on") == before + 1


def test_a_quarantined_jq_shows_in_the_integrations_that_need_it(tenon, receiver):
    """This jq ends by a time a billion billion seconds off; the plugin itself is well."""
    tenon.webhook("hook", receiver.url("/in"), more="[transform]\njq = .at | todate\n")
    tenon.start()
    for number in range(6):
        tenon.add({"id": "evil-%d" % number, "at": 1e18})
        wait_for(
            lambda number=number: tenon.integration("hook")["state"] == "quarantined"
            or tenon.states("hook").get("failed") == number + 1,
            "its end",
        )
    hook = tenon.integration("hook")
    assert hook["state"] == "quarantined" and "SIGABRT" in hook["words"], hook
    assert "quarantined" in tenon.cli("integration", "list").stdout
