# SPDX-License-Identifier: Apache-2.0
"""Integrations that come, change and go by the API: their files in conf.d."""
import json
import os

import pytest
from daemon import wait_for


@pytest.fixture(autouse=True)
def ends_in_order(tenon):
    yield
    if tenon.is_running():
        assert tenon.stop() == 0


def register(tenon, name, check=201, **more):
    answer = tenon.post("/api/v1/integrations/register", json.dumps({"name": name, **more}))
    assert answer.status == check, answer
    return answer


def hook(receiver, path="/", **more):
    return {
        "integration": {"plugin": "webhook", "base_url": receiver.url("")},
        "select": {"type": ["event", "talk"]},
        "settings": {"path": path},
        **more,
    }


def bodies(receiver, path="/"):
    with receiver.lock:
        return {json.loads(x["body"])["id"] for x in receiver.exchanges if x["path"] == path}


def test_registers_delivers_and_goes(tenon, receiver):
    tenon.start()
    answer = register(tenon, "hook", sections=hook(receiver))
    assert answer.json["name"] == "hook" and answer.json["state"] == "active"
    path = tenon.conf / "hook.ini"
    assert answer.json["file"] == str(path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_text() == (
        "[integration]\nplugin = webhook\nbase_url = %s\n\n"
        "[select]\ntype = event, talk\n\n[settings]\npath = /\n" % receiver.url("")
    )
    tenon.add({"id": "one"})
    wait_for(lambda: bodies(receiver) == {"one"}, "the delivery")
    wait_for(lambda: tenon.states("hook") == {"succeeded": 1}, "its verdict")
    gone = tenon.call("DELETE", "/api/v1/integrations/hook")
    assert gone.status == 200 and gone.json == {"name": "hook", "removed": True}
    assert not path.exists()
    assert tenon.get("/api/v1/integrations/hook").status == 404
    wait_for(lambda: not tenon.workers(), "the worker to end")
    # What was, is told of.
    assert tenon.submissions(integration="hook")[0]["state"] == "succeeded"
    story = tenon.why("one").json
    assert [x["integration"] for x in story["integrations"]] == ["hook"], story
    assert tenon.call("DELETE", "/api/v1/integrations/hook").status == 404
    # And when it comes again, it knows.
    register(tenon, "hook", sections=hook(receiver))
    tenon.add({"id": "two"})
    wait_for(lambda: bodies(receiver) == {"one", "two"}, "the second")
    assert len(receiver.exchanges) == 2


def test_what_cannot_be_is_refused_and_leaves_nothing(tenon, receiver):
    tenon.start()
    good = hook(receiver)
    cases = [
        ("hook", {"sections": {**good, "retrry": {"max": "5s"}}}, 400, "did you mean"),
        ("hook", {"sections": {**good, "retry": {"max_attempts": "three"}}}, 400, "three"),
        ("hook", {"sections": {"integration": {"plugin": "webhok"}}}, 400, "webhok"),
        ("hook", {"sections": {**good, "auth": {"type": "bearer", "token": "plain"}}}, 400, "${"),
        ("hook", {"ini": "[select]\ntype = event\n"}, 400, "[integration]"),
        ("hook", {"ini": ""}, 400, "section"),
        ("hook", {"ini": "x", "sections": good}, 400, "expected"),
        ("hook", {}, 400, "expected"),
        ("Hook", {"sections": good}, 400, "a-z"),
        ("../evil", {"sections": good}, 400, "a-z"),
        ("tenon", {"ini": "[host]\nsafe = yes\n"}, 400, "command line"),
        ("list", {"sections": good}, 400, "command line"),
        ("hook", {"sections": {"integration": "no"}}, 400, "object"),
        ("hook", {"sections": {**good, "select": {"type": {"a": 1}}}}, 400, "list"),
        ("hook", {"sections": {**good, "a]\n[b": {"c": "d"}}}, 400, "name"),
        ("hook", {"sections": {**good, "settings": {"path": "/\n[auth]\nx\x01"}}}, 400, "ini"),
    ]
    before = sorted(p.name for p in tenon.conf.iterdir())
    for name, body, status, word in cases:
        answer = register(tenon, name, check=status, **body)
        assert word in answer.json["detail"], (name, body, answer)
        assert "plain" not in answer.json["detail"]
        assert sorted(p.name for p in tenon.conf.iterdir()) == before, body
    assert tenon.get("/api/v1/integrations").json["items"] == []


def test_a_value_stays_a_value(tenon, receiver):
    tenon.start()
    more = {"metadata": {"note": "first\n[auth]\ntype = basic"}}
    register(tenon, "hook", sections=hook(receiver, **more))
    text = (tenon.conf / "hook.ini").read_text()
    assert "note = first\n    [auth]\n    type = basic\n" in text
    assert tenon.cli("config", "check").returncode == 0


def test_what_does_not_open_is_taken_back(tenon, receiver, build_failing):
    tenon.host_ini(plugins=[build_failing])
    tenon.start()
    body = {"sections": {"integration": {"plugin": "nostart"}}}
    answer = register(tenon, "bad", check=409, **body)
    assert "the door is shut" in answer.json["detail"]
    assert not (tenon.conf / "bad.ini").exists()
    wait_for(lambda: tenon.get("/api/v1/integrations").json["items"] == [], "its end")
    # And what was there before is there again.
    register(tenon, "bad", sections=hook(receiver))
    text = (tenon.conf / "bad.ini").read_text()
    assert "there already" in register(tenon, "bad", check=409, **body).json["detail"]
    answer = register(tenon, "bad", check=409, overwrite=True, **body)
    assert "the door is shut" in answer.json["detail"]
    assert (tenon.conf / "bad.ini").read_text() == text
    assert tenon.integration("bad")["state"] == "active"
    tenon.add({"id": "still"})
    wait_for(lambda: bodies(receiver) == {"still"}, "the delivery")


@pytest.fixture
def build_failing(tmp_path):
    from daemon import build_plugin

    source = tmp_path / "nostart.c"
    source.write_text(
        """#include <tenon/tenon.h>
static int32_t activate(void *self, tenon_err *err)
{
    (void)self;
    return tenon_fail(err, TENON_E_CONNECTION, "the door is shut");
}
static void describe(tenon_plugin *plugin)
{
    plugin->activate = activate;
}
TENON_PLUGIN("nostart", "1.0", "Apache-2.0", describe);
"""
    )
    build_plugin(source, tmp_path / "more" / "nostart.so")
    return tmp_path / "more"


def test_set_keeps_comments_and_goes_back(tenon, receiver):
    tenon.webhook("hook", receiver.url("/a"))
    path = tenon.conf / "hook.ini"
    path.write_text("; mine\n" + path.read_text().replace("path = /a", "path = /a   ; here"))
    path.chmod(0o600)
    tenon.start()
    run = tenon.cli("integration", "set", "hook", "settings.path=/b", "retry.max_attempts=7")
    assert "hook is active" in run.stdout
    text = path.read_text()
    assert "; mine\n" in text and "path = /b   ; here" in text and "max_attempts = 7" in text
    assert path.stat().st_mode & 0o777 == 0o600
    tenon.add({"id": "one"})
    wait_for(lambda: bodies(receiver, "/b") == {"one"}, "the delivery to the new path")
    bad = (["retry.max_attempts=no"], ["settings.pth=/c"], ["retry.max_attempts=9", "x.y=1"])
    for values in bad:
        run = tenon.cli("integration", "set", "hook", *values, check=False)
        assert run.returncode == 1 and "hook.ini:" in run.stderr, run.stderr
        assert path.read_text() == text
    run = tenon.cli("integration", "set", "hook", "retry.max_attempts=")
    assert "max_attempts" not in path.read_text()
    assert tenon.cli("integration", "set", "hook", "nonsense", check=False).returncode == 2
    text = path.read_text()
    twice = ("retry.max=1m", "settings.path=/d", "retry.max=2m")
    for words in (("set", "hook"), ("manage", "hook", "update")):
        run = tenon.cli("integration", *words, *twice, check=False)
        assert run.returncode == 2 and "'retry.max' is given twice" in run.stderr, run
    assert path.read_text() == text
    assert tenon.cli("integration", "set", "nobody", "a.b=c", check=False).returncode == 1


def test_add_and_remove_on_the_command_line(tenon, receiver, tmp_path):
    tenon.start()
    base = "integration.base_url=" + receiver.url("")
    run = tenon.cli("integration", "add", "hook", "--plugin", "webhook", base, "settings.path=/x")
    assert "hook is active (%s" % tenon.conf in run.stdout
    ini = tmp_path / "other.ini"
    ini.write_text((tenon.conf / "hook.ini").read_text())
    assert "other is active" in tenon.cli("integration", "add", "other", ini).stdout
    run = tenon.cli("integration", "add", "third", "-", stdin=ini.read_text())
    assert "third is active" in run.stdout
    run = tenon.cli("integration", "add", "fourth", "plugin=webhook", check=False)
    assert run.returncode == 2 and "--plugin PLUGIN" in run.stderr, run
    run = tenon.cli("integration", "add", "hook", ini, check=False)
    assert run.returncode == 1 and "there already" in run.stderr and "--overwrite" in run.stderr
    assert tenon.cli("integration", "add", "hook", ini, "--overwrite").returncode == 0
    assert tenon.cli("integration", "add", "hook", check=False).returncode == 2
    assert "hook is removed" in tenon.cli("integration", "remove", "hook").stdout
    assert not (tenon.conf / "hook.ini").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tenon, receiver):
    tenon.start()
    tenon.conf.chmod(0o555)
    try:
        answer = register(tenon, "hook", check=409, sections=hook(receiver))
        assert str(tenon.conf) in answer.json["detail"] and "written" in answer.json["detail"]
    finally:
        tenon.conf.chmod(0o755)


def test_many_at_once_all_come(tenon, receiver):
    import threading

    tenon.start()
    answers = []

    def one(i):
        answers.append(register(tenon, "hook-%d" % i, sections=hook(receiver, "/%d" % i)).status)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 8
    items = tenon.get("/api/v1/integrations").json["items"]
    assert [x["state"] for x in items] == ["active"] * 8
