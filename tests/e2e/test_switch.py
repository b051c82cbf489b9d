# SPDX-License-Identifier: Apache-2.0
"""Integrations on and off: in their ini, by hand, in safe mode. What is off keeps its records and
runs no code."""
import json
import time

import pytest
from daemon import TOP, build_plugin, wait_for


@pytest.fixture(autouse=True)
def ends_in_order(tenon):
    """Whatever was replaced and thrown away, the end is clean; a sanitizer looks for leaks here."""
    yield
    if tenon.is_running():
        assert tenon.stop() == 0


def accepted(receiver, path="/"):
    with receiver.lock:
        return {
            json.loads(one["body"])["id"] for one in receiver.exchanges if one["path"] == path
        }


def test_disable_and_enable_rewrite_the_ini(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    path = tenon.conf / "hook.ini"
    text = path.read_text().replace(
        "[integration]\n", "; mine\n[integration]\nenabled = yes   ; for now\n"
    )
    path.write_text(text)
    path.chmod(0o640)
    tenon.start()
    run = tenon.cli("integration", "disable", "hook")
    assert "hook is disabled" in run.stdout
    assert path.read_text() == text.replace("enabled = yes ", "enabled = no ")
    assert path.stat().st_mode & 0o777 == 0o640
    wait_for(lambda: not tenon.workers(), "the worker to end")
    tenon.add({"id": "waits"})
    refused = tenon.cli("integration", "activate", "hook", check=False)
    assert refused.returncode == 1 and "tenon integration enable hook" in refused.stderr
    run = tenon.cli("integration", "enable", "hook")
    assert "hook is active" in run.stdout
    assert path.read_text() == text
    wait_for(lambda: accepted(receiver) == {"waits"}, "what waited")


def test_enabling_a_broken_ini_says_why(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"), more="[retrry]\n")
    tenon.start()
    run = tenon.cli("integration", "enable", "hook", check=False)
    assert run.returncode == 1 and "retrry" in run.stderr, run.stderr
    assert tenon.cli("integration", "disable", "nobody", check=False).returncode == 1


def test_deactivated_holds_over_a_restart_and_a_reload(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.webhook("other", receiver.url("/other"))
    tenon.start()
    before = (tenon.conf / "hook.ini").read_text()
    run = tenon.cli("integration", "deactivate", "hook")
    assert "hook is inactive: deactivated by " in run.stdout, run.stdout
    assert (tenon.conf / "hook.ini").read_text() == before
    row = tenon.integration("hook")
    assert row["state"] == "inactive" and row["switched"]["by"] and row["switched"]["at"]
    tenon.add({"id": "one"})
    wait_for(lambda: accepted(receiver, "/other") == {"one"}, "the other one")
    assert tenon.stop() == 0
    tenon.start()
    assert tenon.integration("hook")["state"] == "inactive"
    tenon.webhook("hook", receiver.url("/new"))
    tenon.cli("reload")
    assert tenon.integration("hook")["state"] == "inactive"
    assert "deactivated by" in tenon.cli("integration", "show", "hook").stdout
    run = tenon.cli("integration", "activate", "hook")
    assert "hook is active" in run.stdout
    wait_for(lambda: accepted(receiver, "/new") == {"one"}, "what waited")
    assert "activated by" in tenon.cli("integration", "show", "hook").stdout
    assert accepted(receiver) == set()


def test_by_hand_over_rest(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    answer = tenon.post("/api/v1/integrations/hook/deactivate", json.dumps({"by": "a test"}))
    assert answer.status == 200 and answer.json["switched"]["by"] == "a test"
    assert answer.json["state"] == "inactive"
    answer = tenon.post("/api/v1/integrations/hook/activate")
    assert answer.json["switched"]["by"] == "the API" and answer.json["state"] == "active"
    assert tenon.post("/api/v1/integrations/hook/activate", "[]").status == 400
    assert tenon.post("/api/v1/integrations/none/activate").status == 404


def test_safe_mode_runs_nothing_but_what_is_activated(tenon, receiver):
    trace = tenon.folder / "ran"
    plugins = tenon.folder / "plugins"
    build_plugin(
        TOP / "tests/e2e/plugins/sender.c",
        plugins / "early.so",
        'NAME="early"',
        'CONSTRUCTOR="%s"' % trace,
    )
    tenon.host_ini(plugins=[plugins])
    tenon.ini("early", "[integration]\nplugin = early\nbase_url = %s\n" % receiver.url())
    tenon.webhook("hook", receiver.url("/"))
    tenon.start(arguments=["--safe"])
    tenon.add({"id": "one"})
    assert tenon.get("/api/v1/status").json["safe_mode"] is True
    assert "safe mode" in tenon.cli("status").stdout
    assert {row["state"] for row in tenon.get("/api/v1/integrations").json["items"]} == {"inactive"}
    assert "safe mode" in tenon.integration("hook")["words"]
    assert tenon.workers() == [] and not trace.exists()
    tenon.cli("integration", "activate", "hook")
    wait_for(lambda: accepted(receiver) == {"one"}, "the one that was activated")
    tenon.webhook("hook", receiver.url("/new"))
    tenon.cli("reload")
    assert tenon.integration("hook")["state"] == "active"  # also after its ini changed
    assert not trace.exists() and tenon.integration("early")["state"] == "inactive"
    assert tenon.stop() == 0
    tenon.start()
    assert tenon.integration("early")["state"] == "active"


def test_dying_at_every_start_points_to_safe_mode(tenon):
    for _ in range(3):
        tenon.start()
        tenon.kill()
    tenon.start()
    assert "--safe" in tenon.log_text()
    assert tenon.stop() == 0
    before = len(tenon.log_text())
    tenon.start()
    assert "--safe" not in tenon.log_text()[before:]


def test_what_is_not_on_its_way_is_left_to_later(tenon, receiver):
    """A slow destination with hundreds in hand: switching off waits for the few that are out."""

    def slowly(exchange):
        receiver.lock.release()  # the others may be answered meanwhile
        time.sleep(0.5)
        receiver.lock.acquire()
        return 200, {}, b"{}"

    receiver.answer = slowly
    tenon.webhook("hook", receiver.url("/"), more="")
    tenon.start()
    tenon.add(*({"id": "s-%d" % number} for number in range(600)))
    wait_for(lambda: len(receiver.exchanges) > 4, "the first to be out")
    tenon.cli("integration", "deactivate", "hook")
    wait_for(lambda: not tenon.workers(), "the rest to be given back", timeout=6)
    out = len(receiver.exchanges)
    assert out < 300
    states = tenon.states("hook")
    assert states.get("pending", 0) > 0 and "in_flight" not in states
    receiver.answer = None
    tenon.cli("integration", "activate", "hook")
    wait_for(lambda: len(accepted(receiver)) == 600, "everything")
    assert receiver.stats()["duplicates"] == 0
