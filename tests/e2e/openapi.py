# SPDX-License-Identifier: Apache-2.0
"""Holds what tenond answers against its own OpenAPI document: every answer that the tests get by
daemon.Tenon.call comes through here. A status, a type or a member that the document does not know
fails the test that saw it."""
import json
import re

try:
    import jsonschema
except ImportError:  # tests/deps.sh brings it; without it nothing is held against anything
    jsonschema = None

ITEMS_LOOKED_AT = 25  # of a list; the rest is as they are


class Document:
    def __init__(self, text):
        self.document = json.loads(text)
        self.paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + r"\Z"), path)
            for path in self.document["paths"]
        ]
        # Literal paths before those with a part that stands for others.
        self.paths.sort(key=lambda one: one[1].count("{"))
        self.validators = {}

    def operation(self, method, path):
        for pattern, name in self.paths:
            if pattern.match(path) and method.lower() in self.document["paths"][name]:
                return self.document["paths"][name][method.lower()]
        return None

    def validator(self, schema):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            whole = {**schema, "components": self.document["components"]}
            self.validators[key] = jsonschema.Draft202012Validator(whole)
        return self.validators[key]

    def complain(self, method, path, answer):
        """What is wrong with it, or None."""
        operation = self.operation(method, path.split("?")[0])
        responses = operation["responses"] if operation else {}
        described = responses.get(str(answer.status)) or responses.get(
            "%dXX" % (answer.status // 100)
        )
        if "/routes/" in path:
            return None  # a plugin's own affair
        if "$ref" in (described or {}):
            name = described["$ref"].rsplit("/", 1)[1]
            described = self.document["components"]["responses"][name]
        if described is None and answer.status >= 400:
            described = responses.get("default") or {
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }
            }
        if described is None:
            return "the document knows no %d of it" % answer.status
        contents = {
            kind.split(";")[0]: content for kind, content in described.get("content", {}).items()
        }
        if not answer.body:
            return None if not contents else "it has no body, described are %s" % list(contents)
        kind = answer.headers.get("content-type", "").split(";")[0]
        if answer.status >= 400 and kind == "application/problem+json":
            schema = {"$ref": "#/components/schemas/Problem"}
        elif kind not in contents:
            return "its type is '%s', described are %s" % (kind, list(contents))
        else:
            schema = contents[kind]["schema"]
        return self.complain_of_body(kind, schema, answer.body)

    def complain_of_body(self, kind, schema, body):
        if kind == "application/x-ndjson":
            values = [json.loads(line) for line in body.splitlines()[:ITEMS_LOOKED_AT]]
        elif kind.endswith("json"):
            values = [shortened(json.loads(body))]
        else:
            return None
        for value in values:
            for error in self.validator(schema).iter_errors(value):
                where = "/".join(map(str, error.absolute_path)) or "the whole"
                return "%s: %s" % (where, error.message[:400])
        return None


def shortened(value):
    if isinstance(value, dict) and isinstance(value.get("items"), list):
        return {**value, "items": value["items"][:ITEMS_LOOKED_AT]}
    return value


def check(tenon, method, path, answer):
    """Raises AssertionError. The document is asked for once, and again when an action is called:
    those come and go."""
    if jsonschema is None or method == "HEAD" or path == "/api/v1/openapi.json":
        return
    known = tenon.document
    if known is None or known.operation(method, path.split("?")[0]) is None:
        text = tenon.ask("GET", "/api/v1/openapi.json")
        if text.status != 200:
            return  # it is stopping
        tenon.document = known = Document(text.body)
    problem = known.complain(method, path, answer)
    assert problem is None, "%s %s answered what /api/v1/openapi.json does not say: %s\n%r" % (
        method,
        path,
        problem,
        answer,
    )
