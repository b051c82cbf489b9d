# SPDX-License-Identifier: Apache-2.0
"""The API's own description: whole, sound by somebody else's rules, and what the answers are held
against (openapi.py)."""
import contextlib
import http.client
import json
import re
import subprocess

import openapi
import pytest
from daemon import PATIENCE, TOP, Answer, build_plugin

NODE = TOP / "tests/node"


@pytest.fixture
def document(tenon, receiver):
    """With an integration that has actions."""
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    tenon.host_ini(plugins=[more])
    tenon.ini("calc", "[integration]\nplugin = calculator\n")
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    answer = tenon.get("/api/v1/openapi.json")
    assert answer.status == 200
    return answer.json


def ask_port(tenon, method, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=30 * PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper() + " " + path, operation


def test_every_route_says_what_it_takes_and_answers(document):
    bare = [
        name
        for name, operation in operations(document)
        if len(operation["responses"]) < 2 or "default" not in operation["responses"]
    ]
    assert not bare, "rows for api_schemas.c"
    assert "/api/v1/integrations/calc/actions/add" in document["paths"]
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_an_empty_argument_is_not_described(document):
    """But for flags, which stand alone."""
    flags = {
        parameter["name"]
        for _, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and parameter["schema"].get("minLength") != 1
    }
    assert flags == {"ids", "follow", "rendered", "answers"}
    trigger = document["components"]["schemas"]["Trigger"]["properties"]
    assert trigger["entity"]["minLength"] == 1


def test_every_operation_says_who_may(document):
    """By the ways in that there are, with the scope as the role; and what is answered to others."""
    refused = {"401": "NoToken", "403": "NotAllowed"}
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"]["scheme"] == "bearer" and schemes["certificate"]["type"] == "mutualTLS"
    assert "socket_group" in document["info"]["description"]
    seen = set()
    for name, operation in operations(document):
        scope, security = operation["x-scope"], operation["security"]
        seen.add(scope)
        if scope == "open":
            assert security == [], name
            continue
        roles = [] if scope == "any" else [scope]
        both = {"token": roles, "certificate": []}
        assert security == [{}, {"token": roles}, both], name
        for status, noun in refused.items():
            expected = {"$ref": "#/components/responses/" + noun}
            assert operation["responses"][status] == expected, name
    assert seen == {"open", "any", "read", "submit", "manage"}
    assert document["paths"]["/health"]["get"]["x-scope"] == "open"
    add = document["paths"]["/api/v1/integrations/calc/actions/add"]["post"]
    assert add["security"][1] == {"token": ["read"]}


def test_what_is_refused_is_as_described(document, tenon):
    """Every operation, asked by nobody and by somebody who may nothing there."""
    made = tenon.post("/api/v1/tokens", json.dumps({"name": "far", "scope": "submit:elsewhere"}))
    far = {"Authorization": "Bearer " + made.json["token"]}
    validator = openapi.Document(json.dumps(document))
    asked = 0
    for name, operation in operations(document):
        method, path = name.split(" ")
        path = path.replace("{id}", "calc").replace("{name}", "none")
        for headers, status in (({}, 401), (far, 403)):
            if operation["x-scope"] == "open" or (operation["x-scope"], status) == ("any", 403):
                continue
            answer = ask_port(tenon, method, path, headers)
            assert answer.status == status, (name, answer)
            described = document["components"]["responses"][
                operation["responses"][str(status)]["$ref"].rsplit("/", 1)[1]
            ]
            for header in described.get("headers", {}):
                assert header.lower() in answer.headers, name
            (kind,) = described["content"]
            assert answer.headers["content-type"] == kind
            schema = described["content"][kind]["schema"]
            assert validator.complain_of_body(kind, schema, answer.body) is None, name
            asked += 1
    assert asked > 90


def test_every_noun_is_there_and_used(document):
    nouns = set(document["components"]["schemas"])
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named == nouns


def test_the_linter_finds_nothing(document):
    if not (NODE / "node_modules/@redocly/openapi-core").exists():
        pytest.skip("tests/deps.sh test brings the linter")
    run = subprocess.run(
        ["node", str(NODE / "lint_openapi.mjs")],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=120 * PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.skipif(openapi.jsonschema is None, reason="no python3-jsonschema")
@pytest.mark.parametrize(
    "status, kind, body, word",
    [
        (200, "application/json", {"status": "ok", "integrations_not_active": 0}, None),
        (200, "application/json", {"status": "ok"}, "required"),
        (200, "application/json", {"status": 1, "integrations_not_active": 0}, "string"),
        (200, "application/json", {"status": "", "integrations_not_active": 0, "x": 1}, "'x'"),
        (200, "text/html", {}, "its type"),
        (207, "application/json", {}, "knows no 207"),
        (404, "application/json", {}, "its type"),
    ],
)
def test_an_answer_that_is_not_described_is_noticed(document, status, kind, body, word):
    answer = Answer(status, {"content-type": kind}, json.dumps(body).encode())
    found = openapi.Document(json.dumps(document)).complain("GET", "/health", answer)
    assert found is None if word is None else word in found, found
