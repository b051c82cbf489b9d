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
