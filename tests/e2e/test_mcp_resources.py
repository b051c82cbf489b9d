# SPDX-License-Identifier: Apache-2.0
"""Resources over MCP: entities and what is known of them, listed, read and completed, by the
official clients."""
import json

import pytest
from daemon import TOP, build_plugin, wait_for
from mcp import KINDS, Failed


@pytest.fixture
def calc(tenon):
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    tenon.host_ini(plugins=[more])
    tenon.ini("calc", "[integration]\nplugin = calculator\n[select]\nselector = none\n")
    tenon.start()
    wait_for(lambda: tenon.integration("calc")["state"] == "active", "calc")
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


@pytest.mark.parametrize("era,kind", KINDS)
def test_resources_are_listed_page_by_page_and_read(calc, connect, era, kind):
    calc.add(*({"id": "e/%03d \u00fc" % n, "n": n} for n in range(250)))
    client = connect(calc, era, kind)
    found = []
    cursor = {}
    while True:
        page = client.do("listResources", cursor)
        found += page["resources"]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert [one["name"] for one in found] == ["e/%03d \u00fc" % n for n in range(250)]
    read = client.do("readResource", {"uri": found[7]["uri"]})["contents"][0]
    assert json.loads(read["text"])["data"]["n"] == 7 and read["uri"] == found[7]["uri"]
    templates = client.do("listResourceTemplates")["resourceTemplates"]
    assert {one["uriTemplate"] for one in templates} == {
        "tenon://entity/{id}", "tenon://why/{id}", "tenon://integration/{id}",
        "tenon://submission/{id}",
    }  # fmt: skip
    why = client.do("readResource", {"uri": found[7]["uri"].replace("entity", "why", 1)})
    assert json.loads(why["contents"][0]["text"])["entity"]["id"] == "e/007 \u00fc"
    for uri in ("tenon://entity/none", "tenon://entity/a/b", "file:///etc/passwd", "tenon://why/"):
        with pytest.raises(Failed) as failure:
            client.do("readResource", {"uri": uri})
        assert failure.value.code == (-32602 if era == "modern" else -32002)
    with pytest.raises(Failed, match="cursor"):
        client.do("listResources", {"cursor": "x"})
    assert client.do("complaints") == []


@pytest.mark.parametrize("era,kind", KINDS)
def test_ids_of_resources_are_completed(calc, connect, era, kind):
    calc.add(*({"id": "evt \u00fc%03d" % n} for n in range(150)), {"id": "other"})
    client = connect(calc, era, kind)
    assert client.about["capabilities"]["completions"] == {}

    def complete(what, value, name="id"):
        reference = {"type": "ref/resource", "uri": "tenon://%s/{id}" % what}
        argument = {"name": name, "value": value}
        return client.do("complete", {"ref": reference, "argument": argument})["completion"]

    assert complete("integration", "ca") == {"values": ["calc"], "hasMore": False}
    assert "calc" in complete("integration", "")["values"]
    assert complete("integration", "nothing") == {"values": [], "hasMore": False}
    assert complete("entity", "oth") == {"values": ["other"], "hasMore": False}
    found = complete("why", "evt \u00fc")
    assert found == {"values": ["evt \u00fc%03d" % n for n in range(100)], "hasMore": True}
    assert complete("submission", "") == {"values": [], "hasMore": False}
    calc.cli("submit", "calc", "--entity", "other")
    wait_for(lambda: calc.submissions(), "the submission")
    number = str(calc.submissions()[0]["number"])
    assert complete("submission", number)["values"] == [number]
    for what, name in (("elsewhere", "id"), ("entity", "name")):
        with pytest.raises(Failed) as failure:
            complete(what, "", name)
        assert failure.value.code == -32602
    with pytest.raises(Failed) as failure:
        client.do("complete", {"ref": {"type": "ref/prompt", "name": "x"}, "argument": {}})
    assert failure.value.code == -32602
    assert client.do("complaints") == []


# ---- news ----------------------------------------------------------------------------------------


def subscribe(client, era, *uris):
    if era == "modern":
        client.do("listen", {"resourceSubscriptions": list(uris)})
    else:
        for uri in uris:
            client.do("subscribeResource", {"uri": uri})


def updated(client):
    news = client.do("news")
    assert news["method"] == "notifications/resources/updated", news
    return news["params"]["uri"]


@pytest.mark.parametrize("era,kind", KINDS)
def test_clients_are_told_of_the_entities_they_subscribe_to(calc, connect, era, kind):
    client = connect(calc, era, kind)
    assert client.about["capabilities"]["resources"] == {"subscribe": True}
    odd, new = "tenon://entity/e%2F1%20%C3%BC", "tenon://entity/new"
    calc.add({"id": "e/1 \u00fc", "n": 1}, {"id": "else", "n": 1})
    listeners = calc.get("/metrics").body.count(b"tenon_signal_listeners 0\n")
    assert listeners == 1  # while nobody asks, nothing is looked at
    subscribe(client, era, odd, new)
    wait_for(lambda: b"tenon_signal_listeners 1\n" in calc.get("/metrics").body, "it to listen")
    calc.add({"id": "else", "n": 2})
    calc.add({"id": "e/1 \u00fc", "n": 2})
    assert updated(client) == odd
    calc.add({"id": "new", "n": 1})  # it need not be there yet
    assert updated(client) == new
    calc.cli("entity", "delete", "new")
    assert updated(client) == new
    if era == "legacy":
        client.do("unsubscribeResource", {"uri": new})
        calc.add({"id": "new", "n": 3}, {"id": "e/1 \u00fc", "n": 3})
        assert updated(client) == odd
    assert client.do("complaints") == []
    if (era, kind) == ("legacy", "http"):  # it keeps its session for a while unless it says so
        client.do("terminate")
    client.close()
    wait_for(lambda: b"tenon_signal_listeners 0\n" in calc.get("/metrics").body, "it to stop")


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_subscription_outlives_the_daemon(calc, connect, era):
    client = connect(calc, era, "stdio")
    uri, other = "tenon://entity/e-1", "tenon://entity/e-2"
    calc.add({"id": "e-1", "n": 1})
    subscribe(client, era, uri, other)
    if era == "legacy":
        client.do("unsubscribeResource", {"uri": other})
    calc.add({"id": "e-1", "n": 2})
    assert updated(client) == uri
    calc.kill()
    calc.start()

    def told():
        while True:  # the tools may have changed, too, and so may all that was subscribed to
            news = client.do("news")
            if news["method"] != "notifications/resources/updated":
                continue
            assert era == "modern" or news["params"]["uri"] == uri  # the other was given up
            if news["params"]["uri"] == uri:
                return

    told()  # nobody knows what happened meanwhile
    wait_for(lambda: b"tenon_signal_listeners 1\n" in calc.get("/metrics").body, "it to listen")
    calc.add({"id": "e-2", "n": 3})
    calc.add({"id": "e-1", "n": 3})
    told()
    assert client.do("complaints") == []


def test_what_cannot_be_subscribed_to_is_said(calc, connect):
    client = connect(calc, "legacy", "http")
    for uri in ("tenon://why/e-1", "tenon://entity/", "tenon://entity/a/b", "tenon://entity/%zz"):
        with pytest.raises(Failed, match="only entities"):
            client.do("subscribeResource", {"uri": uri})
    client.do("unsubscribeResource", {"uri": "tenon://entity/never"})
    for n in range(256):
        client.do("subscribeResource", {"uri": "tenon://entity/%d" % n})
    client.do("subscribeResource", {"uri": "tenon://entity/7"})  # is there already
    with pytest.raises(Failed, match="256 resources"):
        client.do("subscribeResource", {"uri": "tenon://entity/one-more"})
    token = calc.cli("token", "create", "some", "--scope", "read:calc").stdout.strip()
    with pytest.raises(Failed, match="read everywhere"):
        client = connect(calc, "legacy", "http", token)
        client.do("subscribeResource", {"uri": "tenon://entity/7"})
