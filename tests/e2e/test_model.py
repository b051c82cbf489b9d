# SPDX-License-Identifier: Apache-2.0
"""Entities and relationships over REST and by the client: added, changed whole or in part under a
version, searched by type, words, field and integration key, paged, related and removed."""
import json
import re
import threading
import urllib.parse

import pytest
from daemon import rows_of


def search(tenon, **arguments):
    answer = tenon.get("/api/v1/entities?" + urllib.parse.urlencode(arguments, doseq=True))
    assert answer.status == 200, answer
    return [row["id"] for row in answer.json["items"]]


def patch(tenon, entity, change, **more):
    return tenon.call(
        "PATCH",
        "/api/v1/entities/" + entity,
        json.dumps(change),
        content_type="application/merge-patch+json",
        **more,
    )


@pytest.fixture(name="filled")
def filled_fixture(tenon):
    tenon.start()
    tenon.add(
        {"id": "e-1", "title": "Open Stage", "address": {"city": "Berlin"}, "price": 10},
        {"id": "e-2", "title": "Café", "address": {"city": "Paris"}, "tags": ["jazz", "open"]},
    )
    tenon.add({"id": "o-1", "title": "An order", "price": 10.0}, type="order")
    return tenon


def test_change_in_part_and_under_a_version(filled):
    answer = patch(filled, "e-1", {"price": None, "address": {"zip": "10115"}})
    assert (answer.status, answer.json["version"], answer.headers["etag"]) == (200, 2, '"2"')
    entity = filled.get("/api/v1/entities/e-1").json
    assert entity["type"] == "event"
    assert entity["data"] == {
        "id": "e-1",
        "title": "Open Stage",
        "address": {"city": "Berlin", "zip": "10115"},
    }
    assert patch(filled, "e-1", {"title": "Open Stage"}).json["outcome"] == "unchanged"
    assert patch(filled, "e-1", {"n": 1}, headers={"If-Match": '"1"'}).status == 412
    assert patch(filled, "e-1", {"n": 1}, headers={"If-Match": '"2"'}).json["version"] == 3
    assert patch(filled, "nobody", {"n": 1}).status == 404
    assert patch(filled, "e-1", ["n"]).status == 400
    assert patch(filled, "e-1", {"type": "talk"}).status == 200
    assert search(filled, type="talk") == ["e-1"]

    for id_, status in (("e-2", 200), ("nobody", 404)):  # "*": whichever version, but there
        path = "/api/v1/entities/" + id_
        for change in ({"n": 1}, {"n": 2, "type": "event"}):
            put = filled.call("PUT", path, json.dumps(change), headers={"If-Match": "*"})
            assert put.status == filled.call("PUT", path + "?version=*", "{}").status == status, put
    assert patch(filled, "e-2", {"n": 1}, headers={"If-Match": "*"}).status == 200
    assert filled.call("DELETE", "/api/v1/entities/e-2?version=*").status == 200
    assert filled.call("PUT", "/api/v1/entities/e-2", "{}", headers={"If-Match": "*"}).status == 404
    assert filled.call("PUT", "/api/v1/entities/e-2", "{}").status == 201

    stale = filled.call("DELETE", "/api/v1/entities/e-1", headers={"If-Match": "3"})
    assert (stale.status, stale.json["code"]) == (412, "version_conflict")
    assert filled.call("DELETE", "/api/v1/entities/e-1?version=4").status == 200
    assert filled.get("/api/v1/entities/e-1").status == 404
    assert patch(filled, "e-1", {"n": 1}).status == 404


@pytest.mark.parametrize("more", [{}, {"headers": {"If-Match": "*"}}], ids=["plain", "any"])
def test_changes_at_once_are_all_kept(filled, more):
    def change(name):
        assert patch(filled, "e-1", {name: True}, **more).status == 200

    threads = [threading.Thread(target=change, args=("n%d" % i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entity = filled.get("/api/v1/entities/e-1").json
    assert sum(name.startswith("n") for name in entity["data"]) == 16
    assert entity["version"] == 17


def test_search(filled):
    assert search(filled, text="open") == ["e-1", "e-2"]
    assert search(filled, text="STAGE open") == ["e-1"]
    assert search(filled, text="café") == ["e-2"]
    assert search(filled, field="price=10") == ["e-1", "o-1"]
    assert search(filled, field=["price=10", "title=An order"]) == ["o-1"]
    assert search(filled, field="address.city=Berlin", type="event") == ["e-1"]
    assert search(filled, field="tags=jazz") == ["e-2"]
    assert search(filled, type="order") == ["o-1"]
    for bad in ("field=price", "field==1", "key=k", "integration=x", "integration=x&key=k"):
        assert filled.get("/api/v1/entities?" + bad).status in (400, 404), bad
    many = "&".join("field=a%d=1" % i for i in range(9))
    assert filled.get("/api/v1/entities?" + many).status == 400


def test_rare_finds_of_many_are_found_at_once(tenon):
    tenon.start()
    for start in range(0, 60000, 10000):
        tenon.add(*[{"id": "n-%d" % i, "s": "plain"} for i in range(start, start + 10000)])
    tenon.add({"id": "found", "s": "a needle"}, type="rare")
    assert search(tenon, text="needle") == ["found"]
    assert search(tenon, type="rare") == ["found"]
    assert search(tenon, field="s=a needle") == ["found"]
    answer = tenon.get("/api/v1/entities?type=event&limit=2").json
    assert [row["id"] for row in answer["items"]] == ["n-0", "n-1"]
    answer = tenon.get("/api/v1/entities?type=event&limit=2&after=%s" % answer["next"]).json
    assert [row["id"] for row in answer["items"]] == ["n-2", "n-3"]


def test_by_integration_key(tenon):
    tenon.ini(
        "shelf",
        "[integration]\nplugin = archive\n[select]\ntype = event\n"
        "[settings]\ndirectory = %s\n" % tenon.folder,
    )
    tenon.start()
    tenon.add({"id": "e-1"})
    assert search(tenon, integration="shelf", key="none") == []
    answer = tenon.get("/api/v1/entities?integration=nobody&key=1")
    assert (answer.status, "shelf" in answer.json["detail"]) == (404, True)


def test_relationships(filled):
    def relate(a, kind, b, **more):
        body = json.dumps({"from": a, "type": kind, "to": b, **more})
        return filled.post("/api/v1/relationships", body)

    assert relate("e-1", "at", "e-2").status == 201
    again = relate("e-1", "at", "e-2", data={"seat": 4})
    assert (again.status, again.json["outcome"]) == (200, "updated")
    assert relate("o-1", "of", "e-1").status == 201
    assert relate("e-1", "at", "nobody").status == 404

    def edges(path):
        answer = filled.get("/api/v1/" + path)
        assert answer.status == 200, answer
        return [(row["from"], row["type"], row["to"]) for row in rows_of(answer.json)]

    at = ("e-1", "at", "e-2")
    of = ("o-1", "of", "e-1")
    assert edges("entities/e-1/relationships") == [at, of]
    assert edges("entities/e-1/relationships?direction=in") == [of]
    assert edges("entities/e-1/relationships?direction=out&type=of") == []
    assert edges("relationships?type=at") == [at]
    assert edges("relationships?to=e-1") == [of]
    assert edges("relationships?from=e-1&to=e-2") == [at]
    assert filled.get("/api/v1/entities/e-1/relationships?direction=up").status == 400
    page = filled.get("/api/v1/relationships?limit=1").json
    assert edges("relationships?limit=1&after=%s" % page["next"]) == [of]
    removed = filled.call("DELETE", "/api/v1/relationships?from=e-1&type=at&to=e-2")
    assert (removed.status, removed.json["outcome"]) == (200, "deleted")
    assert filled.call("DELETE", "/api/v1/relationships?from=e-1&type=at&to=e-2").status == 404
    assert filled.call("DELETE", "/api/v1/relationships?from=e-1").status == 400
    assert edges("relationships") == [of]


def test_client(filled):
    cli = filled.cli
    cli("entity", "update", "e-1", '{"price": 12, "title": null}', "--merge", "--if-version", "1")
    stale = cli("entity", "update", "e-1", "{}", "--merge", "--if-version", "1", check=False)
    assert (stale.returncode, "is at version 2" in stale.stderr) == (1, True)
    assert json.loads(cli("entity", "get", "e-1", "--json").stdout)["data"]["price"] == 12
    for more in ((), ("--merge",), ("--type", "event"), ("--if-version", "1")):
        typo = cli("entity", "update", "e-11", "{}", *more, check=False)
        assert typo.returncode == 1 and "There is no entity 'e-11'" in typo.stderr, typo
    assert filled.get("/api/v1/entities/e-11").status == 404
    assert "updated e-2" in cli("entity", "update", "e-2", '{"title": "Café"}').stdout
    assert "created e-3" in cli("entity", "add", "{}", "--id", "e-3").stdout
    found = cli("entity", "search", "--field", "price=12", "--field", "address.city=Berlin")
    assert "e-1" in found.stdout and "o-1" not in found.stdout
    for half in (("--key", "cus_42"), ("--integration", "crm")):
        run = cli("entity", "search", *half, check=False)
        assert run.returncode == 2 and "--key and --integration" in run.stderr, run
    found = cli("entity", "search", "CAFÉ", "--type", "event", "--json")
    assert json.loads(found.stdout)["items"] == []  # É is not é: only ASCII letters fold
    cli("entity", "relate", "e-1", "at", "e-2", "--data", '{"seat": 4}')
    assert "seat" in cli("entity", "relations", "e-2", "--direction", "in").stdout
    assert "e-1 at e-2" in cli("entity", "unrelate", "e-1", "at", "e-2").stdout
    assert json.loads(cli("entity", "relations", "--json").stdout)["items"] == []
    gone = cli("entity", "delete", "e-1", "--if-version", "1", check=False)
    assert gone.returncode == 1
    assert "deleted e-1" in cli("entity", "delete", "e-1", "--if-version", "2").stdout


NUMBERS = [
    "19.99", "1.10", "1E5", "-0", "9223372036854775807", "18446744073709551615", "1e400",
]  # fmt: skip


def test_client_shows_numbers_as_they_were_written(filled, receiver):
    cli = filled.cli
    filled.webhook("hook", receiver.url("/in"))
    cli("reload")
    data = '{"id":"n-1","list":[%s]}' % ",".join(NUMBERS)
    lines = "\n".join("    %s%s" % (one, "," if one != NUMBERS[-1] else "") for one in NUMBERS)
    indented = '{\n  "id": "n-1",\n  "list": [\n%s\n  ]\n}\n' % lines
    cli("entity", "add", data, "--type", "event")
    assert cli("entity", "get", "n-1").stdout.endswith("\n" + indented)
    assert data in cli("entity", "get", "n-1", "--json").stdout
    assert data in cli("entity", "search").stdout
    assert data in cli("entity", "search", "--json").stdout
    assert cli("submit", "hook", "--entity", "n-1", "--dry-run").stdout.endswith("\n\n" + indented)
    why = cli("why", "n-1", "--rendered").stdout
    assert all(re.search(r"^ +%s,?$" % re.escape(one), why, re.M) for one in NUMBERS), why
    cli("entity", "attribute", "n-1", "hook", "all", data)
    assert data in cli("entity", "attributes", "n-1").stdout
    cli("entity", "relate", "n-1", "at", "e-2", "--data", data)
    assert data in cli("entity", "relations", "n-1").stdout
    cli("signal", "publish", "order.paid", data)
    assert data in cli("signal", "listen", "order.*", "--after", "0", "--limit", "1").stdout


@pytest.mark.parametrize(
    "entity", [".", "..", "...", "%2e", "%2e%2e", "a/../b", "../status", "a?b#c"]
)
def test_an_id_is_no_path(filled, entity):
    """Whatever an id looks like, the client's commands mean that entity."""
    cli = filled.cli
    filled.add({"id": entity, "n": 1})
    filled.add({"id": "other"})
    cli("entity", "relate", "other", "of", "e-1")
    assert json.loads(cli("entity", "get", entity, "--json").stdout)["id"] == entity
    cli("entity", "update", entity, '{"n": 2}')
    cli("entity", "update", entity, '{"m": 3}', "--merge")
    assert json.loads(cli("entity", "get", entity, "--json").stdout)["data"]["m"] == 3
    cli("entity", "add", '{"n": 4}', "--id", entity)
    assert json.loads(cli("entity", "relations", entity, "--json").stdout)["items"] == []
    cli("entity", "relate", entity, "at", "e-1")
    (edge,) = json.loads(cli("entity", "relations", entity, "--json").stdout)["items"]
    assert edge["from"] == entity
    assert json.loads(cli("entity", "attributes", entity, "--json").stdout)["items"] == []
    assert json.loads(cli("why", entity, "--json").stdout)["entity"]["id"] == entity
    cli("entity", "delete", entity)
    gone = cli("entity", "get", entity, check=False)
    assert gone.returncode == 1 and "was deleted" in gone.stderr
    assert filled.get("/api/v1/entities/other").status == 200
