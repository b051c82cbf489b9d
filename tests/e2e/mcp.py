# SPDX-License-Identifier: Apache-2.0
"""The official MCP clients of tests/node, a step at a time; and bare JSON-RPC for what they would
never send."""
import json
import os
import shutil
import subprocess

import pytest
from daemon import BUILD, PATIENCE, TOP

NODE = TOP / "tests/node"
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
KINDS = [("legacy", "http"), ("modern", "http"), ("legacy", "stdio"), ("modern", "stdio")]


def node_version():
    run = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return int(run.stdout.strip().lstrip("v").split(".")[0])


def needs_node(at_least=18):
    if shutil.which("node") is None or not (NODE / "node_modules/@modelcontextprotocol").is_dir():
        pytest.skip("needs node and the packages of tests/node: tests/deps.sh test")
    if node_version() < at_least:
        pytest.skip("this client wants Node %d" % at_least)


class Failed(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]


class Client:
    """One connected client; `where` is the daemon, `kind` http or stdio."""

    def __init__(self, tenon, era, kind, token=None):
        needs_node(20 if era == "modern" else 18)
        words = (
            ["http", "http://127.0.0.1:%d/mcp" % tenon.port, *([token] if token else [])]
            if kind == "http"
            else ["stdio", str(BUILD / "host/tenon"), "mcp"]
        )
        self.process = subprocess.Popen(
            ["node", str(NODE / "mcp_client.mjs"), era, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **tenon.environment, "TENON_CONF": str(tenon.conf)},
        )
        self.about = self.do("connect")

    def send(self, step):
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        assert line, "the client ended with %s" % self.process.wait(10 * PATIENCE)
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer.get("result")

    def do(self, what, *arguments, **more):
        self.send({"do": what, "with": list(arguments), **more})
        return self.receive()

    def tools(self):
        return {tool["name"]: tool for tool in self.do("listTools")["tools"]}

    def call(self, name, **arguments):
        return self.do("callTool", {"name": name, "arguments": arguments})

    def close(self):
        if self.process.poll() is None:
            self.send({"do": "close"})
        self.process.stdin.close()
        status = self.process.wait(30 * PATIENCE)
        self.process.stdout.close()
        return status


class Bare:
    """JSON-RPC by hand, over the Unix socket."""

    def __init__(self, tenon, version="2025-11-25"):
        self.tenon = tenon
        self.headers = {"Accept": "application/json, text/event-stream"}
        if version is not None:
            answer = self.post(
                {
                    "jsonrpc": "2.0",
                    "id": 0,
                    "method": "initialize",
                    "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": {}},
                }
            )
            assert answer.status == 200, answer
            self.about = answer.json["result"]
            self.headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]

    def post(self, message, **more):
        body = message if isinstance(message, (str, bytes)) else json.dumps(message)
        return self.tenon.post("/mcp", body, headers=self.headers, **more)

    def ask(self, method, id=1, **params):
        return self.post({"jsonrpc": "2.0", "id": id, "method": method, "params": params})

    def call(self, name, **arguments):
        answer = self.ask("tools/call", name=name, arguments=arguments)
        assert answer.status == 200, answer
        return answer.json.get("result") or answer.json["error"]


class Bridge:
    """`tenon mcp` by itself: JSON-RPC by lines."""

    def __init__(self, tenon):
        self.process = subprocess.Popen(
            [str(BUILD / "host/tenon"), "mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **tenon.environment, "TENON_CONF": str(tenon.conf)},
        )

    def ask(self, method, **params):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(30 * PATIENCE)
        self.process.stdout.close()
        return status


def modern(tenon, method, meta=None, headers=None, **params):
    """One request of the revision without sessions, with the headers that it wants."""
    message = {
        "jsonrpc": "2.0", "id": "m", "method": method,
        "params": {**params, "_meta": META if meta is None else meta},
    }  # fmt: skip
    sent = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": method,
    }
    if "name" in params or "uri" in params:
        sent["Mcp-Name"] = params.get("name", params.get("uri"))
    sent.update(headers or {})
    sent = {name: value for name, value in sent.items() if value is not None}
    return tenon.post("/mcp", json.dumps(message), headers=sent)
