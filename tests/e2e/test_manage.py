# SPDX-License-Identifier: Apache-2.0
"""The gateway life of an integration: activate with its steps, test, manage, figures."""
import json

import pytest
from daemon import free_port, wait_for


@pytest.fixture(autouse=True)
def ends_in_order(tenon):
    yield
    if tenon.is_running():
        assert tenon.stop() == 0


def steps(answer):
    return [(x["step"], x["ok"]) for x in answer["steps"]]


def test_test_shows_each_step(tenon, receiver):
    health = "[health]\nmethod = GET\npath = /records\nexpect = 2xx, 404\n"
    tenon.webhook("hook", receiver.url("/in"), more=health)
    tenon.webhook("dead", "http://127.0.0.1:%d/" % free_port())
    tenon.webhook("broken", receiver.url("/"), more="[retrry]\n")
    tenon.ini("files", "[integration]\nplugin = archive\nallow_paths = %s\n[settings]\n"
              "directory = %s\n" % (tenon.state, tenon.state))
    tenon.start()
    well = tenon.post("/api/v1/integrations/hook/test").json
    assert well["ok"] is True and "failed_step" not in well
    assert steps(well) == [("validate", True), ("initialise", True), ("connection", True)]
    assert "GET %s answered" % receiver.url("/records") in well["steps"][2]["words"]
    dead = tenon.post("/api/v1/integrations/dead/test").json
    assert dead["ok"] is False and dead["failed_step"] == "connection"
    broken = tenon.post("/api/v1/integrations/broken/test").json
    assert broken["failed_step"] == "validate" and steps(broken) == [("validate", False)]
    assert "retrry" in broken["steps"][0]["words"]
    run = tenon.cli("integration", "test", "hook")
    assert "connection" in run.stdout and "answered" in run.stdout
    run = tenon.cli("integration", "test", "dead", check=False)
    assert run.returncode == 1 and "HEAD http" in run.stdout
    assert tenon.cli("integration", "test", "files").returncode == 0
    tenon.cli("integration", "deactivate", "hook")
    off = tenon.post("/api/v1/integrations/hook/test").json
    assert off["failed_step"] == "initialise" and "deactivated by" in off["steps"][1]["words"]
    assert tenon.post("/api/v1/integrations/nobody/test").status == 404


def test_expected_statuses_decide(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"), more="[health]\nmethod = GET\npath = /nowhere\n")
    tenon.start()
    for expect, is_well in (("", True), ("2xx", False), ("404", True), ("200, 40X", True)):
        tenon.cli("integration", "set", "hook", "health.expect=" + expect)
        answer = tenon.post("/api/v1/integrations/hook/test").json
        assert answer["ok"] is is_well and "answered 404" in answer["steps"][2]["words"], answer
    run = tenon.cli("integration", "set", "hook", "health.expect=20", check=False)
    assert run.returncode == 1 and "is not a status" in run.stderr


def test_activate_tells_its_steps(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.webhook("dead", "http://127.0.0.1:%d/" % free_port())
    tenon.start()
    for name, failed in (("hook", None), ("dead", "connection")):
        tenon.post("/api/v1/integrations/%s/deactivate" % name, "{}")
        answer = tenon.post("/api/v1/integrations/%s/activate" % name, "{}").json
        assert answer["state"] == "active"
        assert [x["step"] for x in answer["steps"]] == ["validate", "initialise", "connection"]
        assert answer.get("failed_step") == failed


def test_manage_by_a_word(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    tenon.add({"id": "one"})
    wait_for(lambda: tenon.states("hook") == {"succeeded": 1}, "the delivery")

    def manage(**body):
        return tenon.post("/api/v1/integrations/hook/manage", json.dumps(body))

    assert manage(operation="test").json["ok"] is True
    answer = manage(operation="sync")
    assert answer.status == 202 and answer.json["integration"] == "hook"
    answer = manage(operation="update", sections={"retry": {"max_attempts": 9}})
    assert answer.status == 200 and answer.json["state"] == "active"
    assert "max_attempts = 9" in (tenon.conf / "hook.ini").read_text()
    assert "sync" in manage(operation="dance").json["detail"]
    assert manage().status == 400 and manage(operation="update").status == 400
    assert tenon.post("/api/v1/integrations/nobody/manage",
                      '{"operation":"update","sections":{}}').status == 404
    run = tenon.cli("integration", "manage", "hook", "sync")
    assert "hook goes through the store" in run.stdout
    assert tenon.cli("integration", "manage", "hook", "test").returncode == 0
    run = tenon.cli("integration", "manage", "hook", "update", "retry.max_attempts=8")
    assert "hook is active" in run.stdout
    assert "max_attempts = 8" in (tenon.conf / "hook.ini").read_text()
    assert tenon.cli("integration", "manage", "hook", "update", check=False).returncode == 2


def test_figures_of_one(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.webhook("other", receiver.url("/other"))
    tenon.start()
    answer = tenon.get("/api/v1/integrations/hook/metrics")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain")
    text = answer.body.decode()
    assert 'tenon_integration_active{integration="hook"} 1' in text
    assert 'tenon_submissions{integration="hook",state="failed"} 0' in text
    assert "other" not in text and "tenon_store_bytes" not in text
    assert tenon.get("/api/v1/integrations/nobody/metrics").status == 404


def test_health_on_the_command_line(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    run = tenon.cli("integration", "health")
    assert "hook" in run.stdout and "yes" in run.stdout
    tenon.webhook("broken", receiver.url("/"), more="[retrry]\n")
    tenon.cli("reload", check=False)
    tenon.ini("off", "[integration]\nplugin = webhook\nenabled = no\n")
    tenon.cli("reload", check=False)
    run = tenon.cli("integration", "health", check=False)
    assert run.returncode == 1 and "retrry" in run.stdout
    # What is off on purpose is neither well nor ill.
    well = {row.split()[0]: row.split()[1:3] for row in run.stdout.splitlines()}
    assert well["off"] == ["-", "disabled"] and well["broken"][0] == "no"
