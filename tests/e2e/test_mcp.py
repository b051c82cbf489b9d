# SPDX-License-Identifier: Apache-2.0
"""MCP: the official clients of both eras list and call every tool, get what HTTP gives and fail as
HTTP fails; what the operator does not allow is neither listed nor done; what is no MCP is refused
in MCP's own words."""
import base64
import json
import os
import re
import subprocess

import pytest
from daemon import BUILD, TOP, UnixConnection, build_plugin, wait_for
from mcp import KINDS, META, MODERN, NODE, Bare, Failed, modern, needs_node

NO_RECORDS = "\n[select]\nselector = none\n"
READ_ONLY = {
    "tenon_search_entities", "tenon_get_entity", "tenon_why", "tenon_list_integrations",
    "tenon_list_submissions", "tenon_get_submission",
}  # fmt: skip
MUTATING = {"tenon_add_entities", "tenon_submit", "tenon_retry_submissions"}


def grant(tenon, host, calc, deeds):
    ini = tenon.conf / "tenon.ini"
    text = ini.read_text().split("[mcp]")[0]
    ini.write_text(text + "[mcp]\naccess = %s\n" % host)
    tenon.ini("calc", "[integration]\nplugin = calculator\nmcp = %s\n" % calc + NO_RECORDS)
    tenon.ini(
        "deeds",
        "[integration]\nplugin = deeds\ncall_timeout = 1s\nmcp = %s\n" % deeds + NO_RECORDS,
    )


@pytest.fixture
def acting(tenon):
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    build_plugin(TOP / "tests/e2e/plugins/deeds.c", more / "deeds.so")
    tenon.host_ini(plugins=[more])
    grant(tenon, "write", "write", "write")
    tenon.start()
    for name in ("calc", "deeds"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


# Every tool with arguments, and what its result holds.
CALLS = {
    "tenon_search_entities": ({"type": "event"}, '"e-1"'),
    "tenon_get_entity": ({"id": "e-1"}, '"e-1"'),
    "tenon_why": ({"entity": "e-1"}, '"calc"'),
    "tenon_list_integrations": ({}, '"deeds"'),
    "tenon_list_submissions": ({"state": "failed"}, '"items"'),
    "tenon_get_submission": ({"number": 999}, "no submission"),
    "tenon_add_entities": ({"type": "note", "entities": [{"id": "n-1"}]}, '"n-1"'),
    "tenon_submit": ({"integration": "calc", "entity": "e-1"}, '"queued"'),
    "tenon_retry_submissions": ({"integration": "calc", "state": "failed"}, '"matched"'),
    "calc_add": ({"a": 40, "b": 2}, "42"),
    "calc_divide": ({"a": 1, "b": 4}, "0.25"),
    "calc_convert": ({"value": 100, "from": "celsius"}, "373.15"),
    "deeds_fail": ({"class_number": 6, "words": "so it is"}, "permanent: so it is"),
    "deeds_misbehave": ({"how": "no_json"}, "wrote what is no JSON"),
    "deeds_look": ({"how": "odd_status"}, "returned 77"),
    "deeds_echo": ({"count": 7}, '[7,30000,0.5,true,"",{"a":1},0]'),
    "deeds_repeat": ({"text": "a\n\u00e9"}, "a\n\u00e9"),
    "deeds_nothing": ({}, "null"),
}


@pytest.mark.parametrize("era,kind", KINDS)
def test_every_tool_is_listed_and_called(acting, connect, era, kind):
    acting.add({"id": "e-1", "title": "one"})
    client = connect(acting, era, kind)
    assert client.about["server"]["name"] == "tenon"
    tools = client.tools()
    assert set(tools) == set(CALLS) >= READ_ONLY | MUTATING
    for name, (arguments, words) in CALLS.items():
        result = client.call(name, **arguments)
        assert words in result["content"][0]["text"], (name, result)
    assert client.do("complaints") == []


@pytest.mark.parametrize("era,kind", KINDS)
def test_results_and_errors_are_those_of_http(acting, connect, era, kind):
    client = connect(acting, era, kind)
    for action, arguments in [
        ("calc.add", {"a": 1, "b": 2}),
        ("calc.convert", {"value": 100, "from": "celsius"}),
        ("calc.divide", {"a": 1, "b": 0}),
        ("calc.add", {"a": "x", "b": 2}),
        ("calc.add", {"a": 1, "c": 2}),
        ("calc.convert", {"value": 1, "from": "ell"}),
        ("deeds.fail", {"class_number": 4, "words": "slower"}),
        ("deeds.misbehave", {"how": "hang"}),
    ]:
        integration, name = action.split(".")
        answer = acting.post(
            "/api/v1/integrations/%s/actions/%s" % (integration, name), json.dumps(arguments)
        )
        wait_for(lambda: acting.integration(integration)["state"] == "active", integration)
        result = client.call("%s_%s" % (integration, name), **arguments)
        wait_for(lambda: acting.integration(integration)["state"] == "active", integration)
        if answer.status == 200:
            assert not result["isError"]
            assert json.loads(result["content"][0]["text"]) == answer.json["result"]
            if isinstance(answer.json["result"], dict):
                assert result["structuredContent"] == answer.json["result"]
        else:
            assert result["isError"]
            assert result["structuredContent"] == {
                "code": answer.json["code"], "detail": answer.json["detail"],
            }  # fmt: skip


def test_declarations_become_schemas_and_hints(acting):
    tools = {tool["name"]: tool for tool in Bare(acting).ask("tools/list").json["result"]["tools"]}
    echo = tools["deeds_echo"]
    assert echo["title"] == "deeds.echo" and echo["description"] == "Says what came."
    assert echo["inputSchema"]["required"] == ["count"]
    assert not echo["inputSchema"]["additionalProperties"]
    properties = echo["inputSchema"]["properties"]
    assert properties["count"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "description": "How many",
    }  # fmt: skip
    assert properties["on"]["default"] is True and properties["ratio"]["default"] == 0.5
    assert properties["wait"]["default"] == "30s" and properties["data"]["default"] == {"a": 1}
    assert "key" not in properties  # a secret
    assert tools["calc_convert"]["inputSchema"]["properties"]["from"]["enum"] == [
        "celsius", "fahrenheit", "kelvin",
    ]  # fmt: skip
    assert echo["annotations"]["readOnlyHint"] and not echo["annotations"]["openWorldHint"]
    nothing = tools["deeds_nothing"]["annotations"]
    assert nothing["destructiveHint"] and not nothing["readOnlyHint"]
    assert tools["tenon_why"]["annotations"]["readOnlyHint"]
    assert not tools["tenon_submit"]["annotations"]["readOnlyHint"]


def test_secrets_are_not_taken(acting):
    refused = Bare(acting).call("deeds_echo", count=1, key="hush-hush")
    assert refused["isError"] and "parameter 'key' is secret" in refused["content"][0]["text"]
    assert "hush-hush" not in acting.log_text()


def test_arguments_are_held_against_the_schema(acting):
    bare = Bare(acting)
    for name, arguments, words in [
        ("tenon_why", {}, "argument 'entity' is missing"),
        ("tenon_why", {"entity": 1}, "argument 'entity': expected \"string\", came 1"),
        ("tenon_why", {"entity": "x", "ever": 1}, "there is no argument 'ever'"),
        ("tenon_list_submissions", {"state": "lost"}, "argument 'state': expected one of"),
        ("tenon_list_submissions", {"limit": 0}, "argument 'limit': expected at least 1, came 0"),
        ("tenon_add_entities", {"entities": []}, "expected a count of at least 1"),
        ("tenon_add_entities", {"entities": [1]}, "argument 'entities.[]': expected \"object\""),
    ]:
        result = bare.call(name, **arguments)
        assert result["isError"], result
        assert result["structuredContent"]["code"] == "validation"
        assert words in result["structuredContent"]["detail"], result


# Of an argument: a value that is fine anywhere it is offered.
ARGUMENTS = {
    "after": 0, "class": "timeout", "dry_run": False, "entities": [{"id": "e-1"}], "entity": "e-1",
    "field": "title", "id": "e-1", "integration": "calc", "key": "k", "limit": 1, "number": 1,
    "rendered": True, "selector": "all", "since": "2026-01-01", "state": "failed", "text": "one",
    "type": "event", "until": "2026-01-01", "value": "one", "where": ".title",
}  # fmt: skip


def test_whatever_a_tool_of_the_host_offers_is_taken(acting):
    acting.add({"id": "e-1", "title": "one"})
    bare = Bare(acting)
    for tool in bare.ask("tools/list").json["result"]["tools"]:
        if tool["name"] not in READ_ONLY | MUTATING:
            continue
        schema = tool["inputSchema"]
        needed = {name: ARGUMENTS[name] for name in schema.get("required", [])}
        for name in schema["properties"]:
            result = bare.call(tool["name"], **{**needed, name: ARGUMENTS[name]})
            code = result.get("structuredContent", {}).get("code")
            assert code not in ("bad_request", "validation"), (tool["name"], name, result)


# ---- what the operator allows --------------------------------------------------------------------


def names(tenon):
    return {tool["name"] for tool in Bare(tenon).ask("tools/list").json["result"]["tools"]}


def test_only_what_the_operator_allows_is_there(acting):
    unknown = {"code": -32602}
    grant(acting, "write", "read", "off")
    acting.cli("reload")
    assert names(acting) == READ_ONLY | MUTATING | {"calc_add", "calc_divide", "calc_convert"}
    bare = Bare(acting)
    assert bare.call("deeds_repeat", text="x")["code"] == unknown["code"]
    refused = bare.call("tenon_submit", integration="calc", entity="e-1")
    assert refused["isError"] and "[integration] mcp = write" in refused["content"][0]["text"]
    grant(acting, "read", "write", "write")
    acting.cli("reload")
    assert names(acting) == (set(CALLS) - MUTATING) - {"deeds_misbehave", "deeds_nothing"}
    for name in ("deeds_nothing", "tenon_add_entities"):
        assert bare.call(name)["code"] == unknown["code"]
    grant(acting, "off", "write", "write")
    acting.cli("reload")
    answer = bare.ask("tools/list")
    assert answer.status == 403 and "[mcp] access = off" in answer.json["detail"]


def test_it_reads_and_no_more_unless_told(acting):
    ini = acting.conf / "tenon.ini"
    ini.write_text(ini.read_text().split("[mcp]")[0])
    for name in ("calc", "deeds"):
        path = acting.conf / (name + ".ini")
        path.write_text(path.read_text().replace("mcp = write\n", ""))
    acting.cli("reload")
    assert names(acting) == (set(CALLS) - MUTATING) - {"deeds_misbehave", "deeds_nothing"}


def test_a_closed_integration_says_so(acting):
    bare = Bare(acting)
    acting.cli("integration", "deactivate", "calc")
    wait_for(lambda: "calc_add" not in names(acting), "its tools to go")
    result = bare.call("calc_add", a=1, b=1)
    assert result["isError"] and result["structuredContent"]["code"] == "connection"
    assert "'calc' is inactive" in result["structuredContent"]["detail"]


# ---- news ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("era,kind", KINDS)
def test_clients_are_told_when_the_tools_change(acting, connect, era, kind):
    client = connect(acting, era, kind)
    if era == "modern":
        client.do("listen", {"toolsListChanged": True})
    else:
        wait_for(lambda: "streams 1" in metrics(acting), "the event stream")
    assert "calc_add" in client.tools()
    acting.cli("integration", "deactivate", "calc")
    assert client.do("news")["method"] == "notifications/tools/list_changed"
    wait_for(lambda: "calc_add" not in client.tools(), "the list to follow")
    assert client.do("complaints") == []


def metrics(tenon):
    return "streams %d" % sum(
        int(float(line.split()[-1]))
        for line in tenon.get("/metrics").body.decode().splitlines()
        if "streams" in line and not line.startswith("#")
    )


# ---- the inspector -------------------------------------------------------------------------------


def inspect(where, tenon, *arguments):
    needs_node()
    folder = NODE / "node_modules/@modelcontextprotocol/inspector-cli/build"
    run = subprocess.run(
        ["node", "index.js", *where, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "TENON_CONF": str(tenon.conf)},
    )  # fmt: skip
    assert run.returncode == 0 and run.stderr == "", (run.returncode, run.stdout, run.stderr)
    return json.loads(run.stdout)


@pytest.mark.parametrize("kind", ["http", "stdio"])
def test_the_inspector_has_nothing_to_complain_of(acting, kind):
    where = (
        ["http://127.0.0.1:%d/mcp" % acting.port, "--transport", "http"]
        if kind == "http"
        else [str(BUILD / "host/tenon"), "mcp"]
    )
    acting.add({"id": "e-1"})
    listed = inspect(where, acting, "--method", "tools/list")["tools"]
    assert {tool["name"] for tool in listed} == set(CALLS)
    few = ["calc_convert", "deeds_fail", "tenon_why"]
    for name in CALLS if kind == "http" else few:
        arguments, words = CALLS[name]
        call = ["--method", "tools/call", "--tool-name", name]
        for one, value in arguments.items():
            text = value if isinstance(value, str) else json.dumps(value)
            call += ["--tool-arg", "%s=%s" % (one, text)]
        result = inspect(where, acting, *call)
        assert words in result["content"][0]["text"], (name, result)
    assert inspect(where, acting, "--method", "resources/list")["resources"]
    assert inspect(where, acting, "--method", "resources/templates/list")["resourceTemplates"]
    read = inspect(where, acting, "--method", "resources/read", "--uri", "tenon://entity/e-1")
    assert json.loads(read["contents"][0]["text"])["id"] == "e-1"


# ---- standard input and output -------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_daemon_may_start_again_under_a_client(acting, connect, era):
    client = connect(acting, era, "stdio")
    if era == "modern":
        client.do("listen", {"toolsListChanged": True})
    assert client.call("calc_add", a=1, b=2)["content"][0]["text"] == "3"
    for end in (acting.stop, acting.kill):
        end()
        acting.start()
        wait_for(lambda: acting.integration("calc")["state"] == "active", "calc")
        # The list may be another's now: clients are told, by a session or a stream of its own.
        assert client.do("news")["method"] == "notifications/tools/list_changed"
        assert client.call("calc_add", a=1, b=2)["content"][0]["text"] == "3"
    assert client.do("complaints") == []


def test_a_request_waits_for_a_daemon_that_is_away(acting, connect):
    client = connect(acting, "legacy", "stdio")
    acting.stop()
    client.send({"do": "listTools"})
    acting.start()
    assert len(client.receive()["tools"]) >= len(READ_ONLY)


def talk(tenon, *lines):
    """Lines in, lines out, by tenon mcp alone."""
    run = tenon.cli("mcp", stdin="".join(line + "\n" for line in lines))
    assert run.stderr == ""
    return [json.loads(line) for line in run.stdout.splitlines()]


def request(id, method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def test_the_bridge_says_what_the_daemon_says(acting):
    assert [one["error"]["code"] for one in talk(acting, "{", "[]", "7", "", "  ")] == [
        -32700, -32600, -32600,
    ]  # fmt: skip
    answers = talk(acting, request("\u00fc", "tools/list", _meta=META), request(2, "ping"))
    found = {one["id"]: one for one in answers}
    assert len(found["\u00fc"]["result"]["tools"]) == len(CALLS)
    assert found[2]["error"]["code"] == -32600  # no session, and no word of being modern
    odd = "tenon://entity/\u00e9\u00e9"
    answer = talk(acting, request(3, "resources/read", uri=odd, _meta=META))[0]
    assert answer["error"]["data"] == {"uri": odd}
    acting.stop()
    run = acting.cli("mcp", stdin="")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_bridge_passes_on_what_is_nested_deeply(acting):
    record = {"id": "deep", "lists": json.loads("[" * 63 + "]" * 63)}  # 64 levels: all it may have
    acting.add(record)
    wanted = {"name": "tenon_get_entity", "arguments": {"id": "deep"}, "_meta": META}
    (answer,) = talk(acting, request(1, "tools/call", **wanted))
    assert answer["result"]["structuredContent"]["data"] == record


def test_who_writes_everything_at_once_gets_every_answer(acting):
    hello = request(
        0,
        "initialize",
        protocolVersion="2025-06-18",
        capabilities={},
        clientInfo={"name": "a shell", "version": "1"},
    )
    answers = talk(
        acting,
        hello,
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        request(1, "tools/list"),
        request(2, "tools/call", name="calc_add", arguments={"a": 40, "b": 2}),
    )
    found = {one["id"]: one["result"] for one in answers if "id" in one}
    assert sorted(found) == [0, 1, 2]
    assert len(found[1]["tools"]) >= len(READ_ONLY)
    assert found[2]["content"] == [{"type": "text", "text": "42"}]


@pytest.mark.parametrize("era,kind", KINDS)
def test_a_cancelled_call_is_given_up(acting, connect, era, kind):
    client = connect(acting, era, kind)
    with pytest.raises(Failed, match="enough"):
        client.do("abort", {"name": "deeds_misbehave", "arguments": {"how": "hang"}}, after=200)
    assert client.call("calc_add", a=1, b=2)["content"][0]["text"] == "3"
    assert client.do("complaints") == []


def test_what_is_cancelled_keeps_what_the_store_still_reads(acting):
    """The rows come from the request's body, which the store reads while the client has given the
    request up: in the same batch, and by closing its connection."""
    bare = Bare(acting, "2025-03-26")
    entities = [{"id": "kept-%d" % n, "text": "x" * 2000} for n in range(200)]
    tool = {"name": "tenon_add_entities", "arguments": {"entities": entities, "type": "kept"}}
    one = {"name": "tenon_add_entities", "arguments": {"entities": [{"id": "one"}], "type": "kept"}}
    for params in (tool, one):
        batch = [
            {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params},
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": 7, "reason": "enough"},
            },
        ]
        assert bare.post(batch).status == 202
    wait_for(lambda: acting.get("/api/v1/entities/one").status == 200, "the last of them")
    stored = acting.get("/api/v1/entities?type=kept&limit=1000").json["items"]
    assert {row["id"] for row in stored} == {"one", *(row["id"] for row in entities)}
    assert all(row["data"].get("text", "x" * 2000) == "x" * 2000 for row in stored)


def test_who_hangs_up_is_not_waited_for(acting):
    """One request for the client and one within it for the action, which goes on alone."""
    bare = Bare(acting)

    def under_way():
        text = acting.get("/metrics").body.decode()
        return int(re.search(r"^tenon_api_requests_under_way (\d+)", text, re.M)[1]) - 1

    message = {"name": "deeds_misbehave", "arguments": {"how": "hang"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": message})
    connection = UnixConnection(str(acting.socket), 60)
    headers = {**bare.headers, "Content-Type": "application/json"}
    connection.request("POST", "/mcp", body=body, headers=headers)
    wait_for(lambda: under_way() == 2, "both to be under way")
    connection.close()
    wait_for(lambda: under_way() == 1, "the action alone", timeout=0.8)
    wait_for(lambda: under_way() == 0, "the action to be ended")


# ---- the protocol --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body,code",
    [
        ("", -32700),
        ("{", -32700),
        ('{"jsonrpc": "2.0", "method": "\xff"}', -32700),
        ("[" * 100 + "]" * 100, -32700),
        ("[]", -32600),
        ("7", -32600),
        ('{"id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": "%s", "method": "ping"}' % ("x" * 300), -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "%s"}' % ("x" * 300), -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
    ],
)
def test_what_is_no_message_is_refused_by_its_code(acting, body, code):
    answer = Bare(acting).post(body.encode("latin-1"))
    assert answer.status == 400 and answer.json["error"]["code"] == code, answer
    assert answer.json["error"]["message"] and answer.json.get("id", 1) is not None


def test_what_is_no_method_or_argument_is_refused_by_its_code(acting):
    bare = Bare(acting)
    for method, params, code in [
        ("tools/lost", {}, -32601),
        ("server/discover", {}, -32601),  # of the other era
        ("prompts/list", {}, -32601),
        ("tools/call", {}, -32602),
        ("tools/call", {"name": 7}, -32602),
        ("tools/call", {"name": "calc_add", "arguments": []}, -32602),
        ("tools/call", {"name": "calc_subtract"}, -32602),
        ("tools/list", {"cursor": "-1"}, -32602),
        ("initialize", {}, -32602),
        ("resources/read", {}, -32602),
    ]:
        answer = bare.ask(method, **params)
        assert answer.status == 200 and answer.json["error"]["code"] == code, (method, answer)
    note = bare.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert note.status == 202 and note.body == b""
    assert bare.post({"jsonrpc": "2.0", "id": 5, "result": {}}).status == 202


def test_older_clients_get_their_version(acting):
    for version in ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"):
        assert Bare(acting, version).about["protocolVersion"] == version
    assert Bare(acting, "1999-12-31").about["protocolVersion"] == "2025-11-25"
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
         "params": {"name": "calc_add", "arguments": {"a": 1, "b": 2}}},
        {"jsonrpc": "2.0", "id": 3, "method": "lost"},
        5,
    ]  # fmt: skip
    answers = Bare(acting, "2025-03-26").post(batch).json
    assert len(answers) == 4
    by_id = {one.get("id"): one for one in answers}
    assert by_id[1]["result"] == {} and by_id[3]["error"]["code"] == -32601
    assert by_id[2]["result"]["content"][0]["text"] == "3"
    assert by_id[None]["error"]["code"] == -32600


def test_sessions_begin_end_and_are_asked_for(acting):
    bare = Bare(acting)
    other = Bare(acting)
    assert bare.headers["Mcp-Session-Id"] != other.headers["Mcp-Session-Id"]
    assert bare.ask("ping").json["result"] == {}
    gone = acting.call("DELETE", "/mcp", headers=bare.headers)
    assert gone.status == 204
    assert bare.ask("ping").status == 404  # and so clients initialize anew
    assert acting.call("DELETE", "/mcp", headers=bare.headers).status == 404
    assert other.ask("ping").status == 200
    none = Bare(acting, None).ask("ping")
    assert none.status == 400 and "initialize" in none.json["error"]["message"]
    assert acting.call("GET", "/mcp").status == 405
    listening = {"Accept": "text/event-stream"}
    assert acting.call("GET", "/mcp", headers=listening).status == 400
    assert acting.call("DELETE", "/mcp").status == 405


def test_the_newest_revision_is_held_to_its_word(acting):
    assert modern(acting, "tools/list").json["result"]["resultType"] == "complete"
    found = modern(acting, "server/discover").json["result"]
    assert found["supportedVersions"][0] == MODERN and "2025-11-25" in found["supportedVersions"]
    for answer, status, code in [
        (modern(acting, "tools/list", headers={"Mcp-Method": None}), 400, -32020),
        (modern(acting, "tools/list", headers={"Mcp-Method": "ping"}), 400, -32020),
        (modern(acting, "tools/list", headers={"MCP-Protocol-Version": None}), 400, -32020),
        (modern(acting, "tools/call", name="calc_add", headers={"Mcp-Name": "x"}), 400, -32020),
        (modern(acting, "tools/list", meta={}), 400, -32602),
        (modern(acting, "ping"), 404, -32601),
        (modern(acting, "initialize"), 404, -32601),
    ]:
        assert (answer.status, answer.json["error"]["code"]) == (status, code), answer
    later = {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    answer = modern(
        acting, "tools/list", meta=later, headers={"MCP-Protocol-Version": "2099-01-01"}
    )
    assert answer.status == 400 and answer.json["error"]["code"] == -32022
    assert answer.json["error"]["data"]["supported"] == found["supportedVersions"]
    arguments = {"a": 1, "b": 1}
    name = "=?base64?Y2FsY19hZGQ=?="  # calc_add
    called = modern(
        acting, "tools/call", name="calc_add", arguments=arguments, headers={"Mcp-Name": name}
    )
    assert called.json["result"]["structuredContent"] == 2


def test_foreign_pages_and_foreign_types_are_refused(acting):
    bare = Bare(acting)
    assert bare.post("{}", content_type="text/plain").status == 415
    bare.headers["Accept"] = "text/html"
    assert bare.ask("ping").status == 406
    for headers in ("-H Origin:http://evil.example", "-H Host:evil.example"):
        run = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *headers.split(),
             "-H", "Content-Type: application/json", "-d", "{}",
             "http://127.0.0.1:%d/mcp" % acting.port],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert run.stdout == "403"


# ---- tools of plugins ----------------------------------------------------------------------------


@pytest.fixture
def dicing(acting):
    """The example, and tools that go wrong."""
    build_plugin(TOP / "examples/dice/dice.c", acting.folder / "more/dice.so")
    build_plugin(TOP / "tests/e2e/plugins/teller.c", acting.folder / "more/teller.so")
    for name in ("dice", "teller"):
        acting.ini(name, "[integration]\nplugin = %s\ncall_timeout = 1s\nmcp = write\n" % name
                   + NO_RECORDS)  # fmt: skip
    acting.cli("reload")
    for name in ("dice", "teller"):
        wait_for(lambda: acting.integration(name)["state"] == "active", name)
    return acting


@pytest.mark.parametrize("era,kind", KINDS)
def test_plugins_bring_tools_of_their_own(dicing, connect, era, kind):
    client = connect(dicing, era, kind)
    tools = client.tools()
    assert set(tools) == set(CALLS) | {"dice_roll", "teller_paint", "teller_go_wrong"}
    assert tools["dice_roll"]["inputSchema"]["required"] == ["who"]
    assert tools["dice_roll"]["annotations"]["readOnlyHint"]
    assert not tools["teller_go_wrong"]["annotations"]["readOnlyHint"]
    result = client.call("dice_roll", who="Ann \u00fc", sides=2)
    face = result["structuredContent"]["face"]
    assert result["content"] == [{"type": "text", "text": "Ann \u00fc rolls %d of 2" % face}]
    painted = client.call("teller_paint")["content"]
    assert [one["type"] for one in painted] == ["text", "image", "audio"]
    assert base64.b64decode(painted[1]["data"]) == bytes(range(256))
    assert base64.b64decode(painted[2]["data"]) == b"ab" and painted[2]["mimeType"] == "audio/wav"
    assert client.do("complaints") == []


def test_tools_of_plugins_fail_as_actions_do(dicing):
    bare = Bare(dicing)
    before = dicing.integration("dice")["worker"]["calls"]
    for arguments, words in [
        ({}, "argument 'who' is missing"),
        ({"who": ""}, "argument 'who': expected a length of at least 1"),
        ({"who": "A", "sides": 1}, "argument 'sides': expected at least 2, came 1"),
        ({"who": "A", "faces": 1}, "there is no argument 'faces'"),
    ]:
        result = bare.call("dice_roll", **arguments)
        assert result["isError"] and result["structuredContent"]["code"] == "validation"
        assert words in result["structuredContent"]["detail"], result
    assert dicing.integration("dice")["worker"]["calls"] == before
    for how, code, words in [
        ("class", "rate-limited", "not so fast"),
        ("no_json", "permanent", "tool go_wrong wrote what is no JSON"),
        ("no_object", "permanent", "no JSON object"),
        ("two_objects", "permanent", "two objects"),
        ("film", "permanent", "no image and no audio"),
        ("huge", "permanent", "larger than 16 MiB"),
        ("crash", "unknown", "signal 11 (SIGSEGV) in tool go_wrong, integration teller"),
        ("hang", "unknown", "no answer within 1000 ms in tool go_wrong, integration teller"),
    ]:
        wait_for(lambda: dicing.integration("teller")["state"] == "active", "teller")
        result = bare.call("teller_go_wrong", how=how)
        assert result["isError"], (how, result)
        assert result["structuredContent"]["code"] == code, (how, result)
        assert words in result["structuredContent"]["detail"], (how, result)
    assert bare.call("dice_roll", who="A")["isError"] is False
    # The same over REST, which MCP asks.
    answer = dicing.post("/api/v1/integrations/dice/tools/roll", '{"who": "A"}')
    assert answer.status == 200 and answer.json["content"][0]["type"] == "text"
    listed = dicing.get("/api/v1/integrations/dice/tools").json["items"]
    assert listed[0]["name"] == "roll" and listed[0]["read_only"]
    assert dicing.post("/api/v1/integrations/dice/tools/lost", "{}").status == 404
    grant(dicing, "read", "write", "write")
    dicing.cli("reload")
    assert "teller_go_wrong" not in names(dicing) and "dice_roll" in names(dicing)
    assert bare.call("teller_go_wrong", how="class")["code"] == -32602


@pytest.mark.parametrize(
    "old,new,words",
    [
        ('\\"minLength\\":1', '\\"pattern\\":\\"a\\"', "keyword 'pattern' is not one"),
        ('"roll", "Rolls', '"Roll", "Rolls', "its name is not 1 to 48 of a-z"),
        ('\\"required\\":[\\"who\\"],', '\\"required\\":[1],', "'required' cannot be '[1]'"),
        ("TENON_MCP(tools)", "{sizeof(tenon_mcp), 0, tools, 65}", "more than 64 tools"),
    ],
)
def test_a_tool_that_makes_no_sense_is_refused(acting, old, new, words):
    text = (TOP / "examples/dice/dice.c").read_text().replace('"dice"', '"wrong"')
    assert old in text
    source = acting.folder / "wrong.c"
    source.write_text(text.replace(old, new))
    build_plugin(source, acting.folder / "more/wrong.so")
    acting.ini("wrong", "[integration]\nplugin = wrong\n" + NO_RECORDS)
    acting.cli("reload", check=False)
    wait_for(lambda: acting.integration("wrong")["state"] == "failed", "the refusal")
    assert words in acting.integration("wrong")["words"]
