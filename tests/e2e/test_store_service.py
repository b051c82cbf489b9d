# SPDX-License-Identifier: Apache-2.0
"""Plugin code in its worker looks into the store and changes it, as far as its ini lets it, with
the same results and refusals as over REST; and what it stores does not come back to it."""
import json

import pytest
from daemon import TOP, build_plugin, wait_for

NO_RECORDS = "[select]\nselector = none\n"


@pytest.fixture(name="served")
def served_fixture(tenon):
    """Three of one plugin, which differ in what they may do."""
    more = tenon.folder / "more"
    build_plugin(TOP / "tests/e2e/plugins/clerk.c", more / "clerk.so")
    build_plugin(TOP / "examples/diary/diary.c", more / "diary.so")
    tenon.host_ini(plugins=[more])
    for name, store in (("shut", ""), ("reader", "store = read\n"), ("clerk", "store = write\n")):
        tenon.ini(name, "[integration]\nplugin = clerk\n" + store + NO_RECORDS)
    tenon.start()
    for name in ("shut", "reader", "clerk"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    tenon.add({"id": "e-1", "title": "Open Stage", "city": "Berlin"}, {"id": "e-2", "n": 1})
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


def call(tenon, action, **arguments):
    integration, name = action.split(".")
    return tenon.post(
        "/api/v1/integrations/%s/actions/%s" % (integration, name), json.dumps(arguments)
    )


def result(tenon, action, **arguments):
    answer = call(tenon, action, **arguments)
    assert answer.status == 200, answer
    return answer.json["result"]


def test_the_same_entity_as_over_rest(served):
    rest = served.get("/api/v1/entities/e-1").json
    assert result(served, "reader.get", id="e-1") == rest
    assert result(served, "reader.search", text="stage")["items"] == [rest]
    assert result(served, "reader.search", fields="city=Berlin\ntitle=Open Stage\n")["items"] == [
        rest
    ]
    page = result(served, "reader.search", type="event", limit=1)
    assert page["items"] == [rest]
    page = result(served, "reader.search", type="event", limit=1, after=page["next"])
    assert ([row["id"] for row in page["items"]], page["next"]) == (["e-2"], None)


def test_changes_are_those_of_rest(served):
    added = result(served, "clerk.add", type="note", data='[{"id": "n-1"}, {"text": "x"}]')
    assert (added["created"], added["ids"][0], len(added["ids"])) == (2, "n-1", 2)
    changed = result(served, "clerk.change", id="e-2", data='{"n": null, "m": 2}', merge=True)
    assert changed == {"id": "e-2", "outcome": "updated", "version": 2}
    assert served.get("/api/v1/entities/e-2").json["data"] == {"id": "e-2", "m": 2}
    changed = result(served, "clerk.change", id="e-2", data='{"m": 3}', if_version=2)
    assert (changed["version"], changed["outcome"]) == (3, "updated")
    entity = served.get("/api/v1/entities/e-2").json
    assert (entity["type"], entity["data"]) == ("event", {"m": 3})
    assert result(served, "clerk.change", id="new", data="{}")["outcome"] == "created"
    assert result(served, "clerk.drop", id="new", if_version=1)["outcome"] == "deleted"
    assert served.get("/api/v1/entities/new").status == 404


def test_relationships(served):
    edge = {"from": "e-1", "type": "at", "to": "e-2"}
    made = result(served, "clerk.edge", how="relate", data='{"seat": 4}', **edge)
    assert made == {**edge, "outcome": "created"}
    listed = result(served, "reader.edge", how="relations", to="e-2")
    rest = served.get("/api/v1/entities/e-2/relationships").json
    assert listed["items"] == rest["items"] and listed["items"][0]["data"] == {"seat": 4}
    assert result(served, "reader.edge", how="relations", **{"from": "e-2"})["items"] == []
    assert result(served, "clerk.edge", how="unrelate", **edge)["outcome"] == "deleted"
    assert result(served, "reader.edge", how="relations")["items"] == []


def test_attributes_are_each_integrations_own(served):
    assert result(served, "clerk.set", id="e-1", name="tier", value=" [3] ") is True
    assert result(served, "clerk.set", id="e-1", name="note", value='"x"') is True
    assert result(served, "clerk.attributes", id="e-1") == {"note": "x", "tier": [3]}
    assert result(served, "reader.attributes", id="e-1") == {}
    put = served.call("PUT", "/api/v1/entities/e-1/attributes/tier?integration=reader", "7")
    assert (put.status, put.json["value"]) == (200, 7)
    assert result(served, "reader.attributes", id="e-1") == {"tier": 7}
    listed = served.get("/api/v1/entities/e-1/attributes").json["items"]
    assert sorted((row["integration"], row["name"]) for row in listed) == [
        ("clerk", "note"),
        ("clerk", "tier"),
        ("reader", "tier"),
    ]
    assert result(served, "clerk.set", id="e-1", name="note") is True
    gone = call(served, "clerk.set", id="e-1", name="note")
    assert (gone.json["code"], "no attribute" in gone.json["detail"]) == ("validation", True)
    assert call(served, "clerk.set", id="e-1", name="note", value="{").json["code"] == "validation"
    assert call(served, "reader.set", id="e-1", name="n", value="1").json["code"] == "permanent"
    for path, status in [
        ("tier", 400),
        ("tier?integration=nobody", 404),
        ("other?integration=reader", 404),
        ("tier?integration=reader", 200),
    ]:
        answer = served.call("DELETE", "/api/v1/entities/e-1/attributes/" + path)
        assert answer.status == status, (path, answer)
    assert served.get("/api/v1/entities/e-1").json["version"] == 1  # they are no part of it
    served.cli("entity", "attribute", "e-1", "reader", "tier", '{"a": 1}')
    assert '{"a":1}' in served.cli("entity", "attributes", "e-1", "--integration", "reader").stdout
    served.cli("entity", "attribute", "e-1", "reader", "tier", "--remove")
    wrong = served.cli("entity", "attribute", "e-1", "reader", "tier", check=False)
    assert wrong.returncode == 2


def test_refusals_say_what_and_why(served):
    ends = {"from": "e-1", "to": "e-2"}
    for action, arguments, code, words in [
        ("reader.get", {"id": "nobody"}, "validation", "no entity 'nobody'"),
        ("reader.search", {"fields": "city"}, "validation", "PATH=VALUE"),
        ("reader.search", {"limit": 5000}, "validation", "limit"),
        ("reader.search", {"limit": -1}, "validation", "limit"),
        ("reader.search", {"key": "k", "text": "t"}, "validation", "a key names one"),
        ("clerk.add", {"data": "{"}, "validation", "line 1"),
        ("clerk.add", {"data": ""}, "validation", "no record"),
        ("clerk.change", {"id": "", "data": "{}"}, "validation", "id"),
        ("clerk.change", {"id": "e-1", "data": "[]"}, "validation", "object"),
        ("clerk.change", {"id": "e-1", "data": "[]", "merge": True}, "validation", "object"),
        ("clerk.change", {"id": "x", "data": "{}", "merge": True}, "validation", "no entity"),
        ("clerk.change", {"id": "e-1", "data": "{}", "if_version": 9}, "validation", "version 1"),
        ("clerk.drop", {"id": "e-1", "if_version": 9}, "validation", "at version 1"),
        ("clerk.edge", {"how": "relate", **ends}, "validation", "type"),
        ("clerk.edge", {"how": "relate", **ends, "to": "x", "type": "t"}, "validation", "'x'"),
        ("clerk.edge", {"how": "relate", "data": "{"}, "validation", "line 1"),
        ("reader.add", {"data": "{}"}, "permanent", "[integration] store = write"),
        ("reader.edge", {"how": "unrelate"}, "permanent", "[integration] store = write"),
        ("shut.get", {"id": "e-1"}, "permanent", "[integration] store = read in"),
        ("shut.drop", {"id": "e-1"}, "permanent", "shut.ini"),
    ]:
        answer = call(served, action, **arguments)
        assert answer.status >= 400, (action, arguments, answer)
        assert answer.json["code"] == code, (action, arguments, answer)
        assert words in answer.json["detail"], (action, arguments, answer)
    assert served.get("/api/v1/entities/e-1").json["version"] == 1


def test_rights_change_with_the_ini(served):
    assert call(served, "shut.get", id="e-1").status != 200
    served.ini("shut", "[integration]\nplugin = clerk\nstore = read\n" + NO_RECORDS)
    served.cli("reload")
    assert result(served, "shut.get", id="e-1")["id"] == "e-1"


def test_what_it_writes_back_does_not_come_back(served):
    served.ini(
        "writer",
        "[integration]\nplugin = clerk\nstore = write\n[select]\ntype = loop\n"
        "[settings]\nwrites_back = yes\n",
    )
    served.cli("reload")
    served.add({"id": "l-1"}, type="loop")
    wait_for(lambda: served.states("writer") == {"succeeded": 1}, "the delivery")
    assert served.get("/api/v1/entities/l-1").json["version"] == 2
    served.add({"id": "l-2"}, type="loop")  # behind it in the walk
    wait_for(lambda: served.states("writer") == {"succeeded": 2}, "the next")
    assert served.get("/api/v1/entities/l-1").json["version"] == 2
    assert "stored this version" in served.cli("why", "l-1", "writer").stdout
    # by the key that the delivery gave
    found = result(served, "clerk.search", key="l-1")["items"]
    assert found == []  # which is the writer's alone
    rest = served.get("/api/v1/entities?integration=writer&key=l-1").json
    assert [row["id"] for row in rest["items"]] == ["l-1"]


def test_two_that_answer_each_other_come_to_an_end(served):
    for name in ("ping", "pong"):
        served.ini(
            name,
            "[integration]\nplugin = clerk\nstore = write\n[select]\ntype = loop\n"
            "[settings]\nwrites_back = yes\n",
        )
    served.cli("reload")
    served.add({"id": "l-1"}, type="loop")
    failed = wait_for(lambda: served.submissions(state="failed"), "the end of it", 60)
    assert "by turns" in json.dumps(failed)
    version = served.get("/api/v1/entities/l-1").json["version"]
    assert version <= 20
    served.add({"id": "l-2"}, type="loop")
    wait_for(
        lambda: len([one for one in served.submissions(state="failed") if one["entity"] == "l-2"]),
        "the same of the next",
        60,
    )
    assert served.get("/api/v1/entities/l-1").json["version"] == version


def test_the_example(served):
    served.ini("diary", "[integration]\nplugin = diary\nstore = write\n" + NO_RECORDS)
    served.cli("reload")
    served.cli("call", "diary.note", "entity=e-1", "text=bring chairs")
    noted = json.loads(served.cli("call", "diary.notes", "entity=e-1").stdout)["items"]
    entity = served.get("/api/v1/entities/" + noted[0]["from"]).json
    assert (entity["type"], entity["data"]) == ("note", {"text": "bring chairs"})
    assert served.cli("call", "diary.note", "entity=x", "text=y", check=False).returncode == 1
