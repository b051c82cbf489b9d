# SPDX-License-Identifier: Apache-2.0
"""Malformed HTTP requests by a seed: broken heads, methods, paths, arguments, bodies and framing,
for routes that an OpenAPI document lists. The same seed gives the same requests."""
import dataclasses
import json
import random

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = ("post", "put", "patch", "delete")

# Values that parsers have fallen over. No absolute path: the API may be told to write to one.
TEXTS = (
    "", " ", "0", "-1", "1", "1e3", "1.5", "0x10", "+7", "NaN", "Infinity", "null", "true",
    "9223372036854775807", "9223372036854775808", "18446744073709551616", "-9223372036854775809",
    "1" * 400, "9" * 5000, "a" * 256, "a" * 1025, "b" * 6000, "%", "%%", "%s%n%x", "..", ".",
    "../../x", "a.b.c", "[0]", "{id}", "'", '"', "\\", "`id`", "$(id)", ";", "a;b", "\t", "\n",
    "\r\nX-Injected: 1", "\x00", "\x01\x7f", "é", "日本", "\U0001f600", "\u202e", "\ufeff",
    "\ud7ff", "=", "a=b", "a=", "=b", "a.0.1.2=3", "." * 300 + "=x", "&", "*", "**", "entity.*",
    ".a | .b", "{", "def f: f; f", "2026-11-21T05:24:00Z", "9999999d", "1h", "hook", "nobody",
    "evt-1", "calc", "add", "event", "failed", "both", "in", "error", "debug",
)
RAW_SEGMENTS = (
    b"%", b"%0", b"%zz", b"%00", b"%0a", b"%0d%0a", b"%2F", b"%2f..%2f", b"%2e%2e", b"..", b".",
    b"%c0%af", b"%ff", b"%ed%a0%80", b"%f4%90%80%80", b"\xff\xfe", b"%25%32%66", b"a%20b", b"+",
    b";a=b", b"~", b"%7F", b"\x01", b"%" * 50, b"a" * 2000, b"{id}", b"*", b"@", b"[::1]", b"|",
)
NUMBERS = (
    "0", "-1", "-0", "1e400", "-1e400", "1e-400", "123456789012345678901234567890",
    "9223372036854775807", "9223372036854775808", "1.0", "0.1", "1E+2", "01", "+1", ".5", "5.",
    "1" * 3000, "0x1", "1_000", "- 1", "1e", "NaN", "-Infinity",
)
BROKEN_BODIES = (
    b"", b" ", b"{", b"}", b"[", b"]", b"{]", b"[}", b'"', b'"a', b"nul", b"null", b"true", b"1",
    b"{}", b"[]", b"[[]]", b"[{}]", b"{}{}", b"{}\n{}\n", b'{"a"}', b'{"a":}', b'{"a":1,}',
    b"{'a':1}", b'{"a":1 "b":2}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"a":"\\u12"}',
    b'{"a":"\\x"}', b'{"a":"\x00"}', b'{"a":"\n"}', b'{"a":"\xff"}', b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"/*c*/{}", b"{}//c",
    b"[" * 63 + b"]" * 63, b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b"[" * 50000,
    b'{"a":' * 50000, b'{"a":' * 65 + b"1" + b"}" * 65, b"[" + b"1," * 20000 + b"1]",
    b'{"' + b"k" * 70000 + b'":1}', b'{"id":1,"id":"x","id":null}', b'{"":{"":{"":""}}}',
    b"a=b&c=d", b"<a/>", b"--x\r\n\r\n--x--", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
)
HEADERS = (
    b"Content-Length: -1", b"Content-Length: +5", b"Content-Length: 0x5", b"Content-Length: 5, 5",
    b"Content-Length: 5 5", b"Content-Length:", b"Content-Length: 99999999999999999999",
    b"Content-Length: 9223372036854775807", b"Content-Length : 5", b" Content-Length: 5",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \x00",
    b"X: a\r\n folded", b"X: a\nY: b", b"X: a\rY: b", b"X\x00: a", b": nameless", b"no colon",
    b"X: " + b"h" * 9000, b"X: \xff\xfe", b"X: \x00", b"X: \x7f", b"X(y): a", b"\tX: a",
    b"Host: a", b"Host: b, c", b"Host: evil.example", b"Host: [::1", b"Host:",
    b"Origin: https://evil.example", b"Origin: null", b"Expect: 100-continue", b"Expect: tea",
    b"If-Match: ", b'If-Match: "', b'If-Match: "x"', b"If-Match: 99999999999999999999",
    b'If-Match: W/"1"', b'If-Match: "1", "2"', b"If-Match: *", b"If-None-Match: *",
    b"Authorization: Bearer", b"Authorization: Bearer " + b"x" * 4000, b"Authorization: Basic !",
    b"traceparent: 00-0-0-0", b"traceparent: " + b"0" * 5000, b"tracestate: a=" + b"b" * 3000,
    b"Content-Type: text/html", b"Content-Type: application/json; charset=utf-16",
    b"Content-Type: ", b"Content-Type: multipart/form-data", b"Content-Encoding: gzip",
    b"Accept: text/event-stream", b"Accept: x/y;q=2", b"Last-Event-ID: -1",
    b"Mcp-Session-Id: nobody", b"MCP-Protocol-Version: 1",
    b"Connection: upgrade\r\nUpgrade: websocket", b"Connection: upgrade\r\nUpgrade: h2c",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: short",
    b"Connection: close", b"Connection: " + b"close," * 500, b"Range: bytes=0-,0-,0-",
    b"X-Hub-Signature-256: sha256=00", b"Stripe-Signature: t=1,v1=00",
    b"webhook-id: \xc3\xa9", b"webhook-timestamp: -1", b"webhook-signature: v1,AA==",
)
MEMBERS = (
    "id", "type", "data", "from", "to", "by", "selector", "entity", "dry_run", "numbers", "all",
    "new_key", "limit", "after", "file", "name", "plugin", "integration", "state", "since", "until",
    "class", "where", "sender", "pattern", "timeout", "settings", "a", "b", "key", "scope",
    "jsonrpc", "method", "params", "arguments", "operation", "sections", "ini", "overwrite", "uri",
    "scopes", "hops",
)
# Bodies that handlers take, by a piece of the path: one thing of each is then made wrong.
BODIES = {
    "/entities": {"id": "evt-1", "type": "event", "title": "x", "n": [1, {"a": None}]},
    "/relationships": {"from": "evt-1", "type": "at", "to": "evt-2", "data": {"seat": 4}},
    "/register": {
        "name": "made",
        "sections": {"integration": {"plugin": "calculator"}, "select": {"selector": "none"}},
    },
    "/manage": {"operation": "update", "sections": {"retry": {"max": "1m"}}},
    "/activate": {"by": "somebody"},
    "/deactivate": {"by": "somebody"},
    "/trigger": {"selector": "failed", "entity": "evt-1", "dry_run": True},
    "/trigger-integration": {"selector": "all"},
    "/actions/": {"a": 40, "b": 2},
    "/retry": {"state": "failed", "where": ".price > 10", "dry_run": True, "limit": 5},
    "/discard": {"numbers": [1, 2], "dry_run": True},
    "/signals": {"type": "order.paid", "data": {"n": 1}, "sender": "shop", "timeout": "1ms"},
    "/tokens": {"name": "ci", "scopes": ["read"], "integrations": ["hook"]},
    "/hooks": {"id": "d-1", "type": "event", "title": "x"},
    "/mcp": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "calc_add", "arguments": {"a": 1, "b": 2}},
    },
}
WORDS = (
    "initialize", "ping", "tools/list", "resources/list", "resources/read", "prompts/list",
    "resources/subscribe", "resources/unsubscribe", "subscriptions/listen",
    "notifications/initialized", "logging/setLevel", "completion/complete", "test", "sync",
    "search_entities", "submit", "why", "calc_convert", "tenon://entity/evt-1", "read", "manage",
)


@dataclasses.dataclass
class Request:
    """What to send, and what may come of it. `is_whole`: an answer is due to each of `methods`;
    else the peer ends what it says, and answers may come or not."""

    raw: bytes
    methods: tuple
    is_whole: bool
    kind: str


def percent(text):
    """As a query or a path carries it."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    return b"".join(
        bytes([byte]) if byte in plain else b"%%%02X" % byte for byte in text.encode("utf-8")
    )


class Generator:
    def __init__(self, document, names, seed):
        """`names`: what may stand for {id}, {name} and for values, so that handlers are reached."""
        self.random = random.Random(seed)
        self.names = names
        self.routes = []
        for path, item in sorted(document["paths"].items()):
            for method, operation in sorted(item.items()):
                if method.upper() in METHODS:
                    arguments = [
                        one["name"]
                        for one in operation.get("parameters", [])
                        if one.get("in") == "query"
                    ]
                    self.routes.append((method, path, arguments))

    # ---- pieces ----------------------------------------------------------------------------------

    def text(self):
        return self.random.choice(self.names if self.random.random() < 0.3 else TEXTS)

    def value(self, depth=0):
        """JSON text, mostly well-formed."""
        pick = self.random.random()
        if pick < 0.3:
            return json.dumps(self.text(), ensure_ascii=self.random.random() < 0.5)
        if pick < 0.5:
            return self.random.choice(NUMBERS)
        if pick < 0.65 or depth > 4:
            return self.random.choice(("null", "true", "false", "0", "1", "[]", "{}", '""'))
        if pick < 0.8:
            count = self.random.randrange(4)
            return "[%s]" % ",".join(self.value(depth + 1) for _ in range(count))
        return self.object(depth + 1)

    def object(self, depth=0):
        names = self.random.sample(MEMBERS, self.random.randrange(6))
        return "{%s}" % ",".join(
            "%s:%s" % (json.dumps(name), self.value(depth)) for name in names
        )

    def nearly(self, value):
        """The value with some part of it replaced, left out or added."""
        pick = self.random.random()
        if isinstance(value, dict) and value and pick < 0.7:
            value = dict(value)
            name = self.random.choice(sorted(value))
            value[name] = self.nearly(value[name])
            return value
        if isinstance(value, dict) and pick < 0.8:
            return {**value, self.random.choice(MEMBERS): self.text()}
        if isinstance(value, dict) and value and pick < 0.9:
            return {name: value[name] for name in sorted(value)[1:]}
        if isinstance(value, list) and value and pick < 0.5:
            return [self.nearly(value[0]), *value]
        if pick < 0.3:
            return self.random.choice(WORDS)
        try:
            return json.loads(self.value())
        except ValueError:
            return self.text()

    def body(self, path=""):
        pick = self.random.random()
        known = [body for piece, body in BODIES.items() if piece in path]
        if known and pick < 0.5:
            body = known[0] if self.random.random() < 0.2 else self.nearly(known[0])
            return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        if pick < 0.6:
            return self.object().encode("utf-8", "replace")
        if pick < 0.85:
            return self.random.choice(BROKEN_BODIES)
        return self.random.randbytes(self.random.randrange(200))

    def path(self, path, is_broken):
        parts = []
        for part in path.encode().split(b"/"):
            if part.startswith(b"{"):
                part = percent(self.text())
                if is_broken and self.random.random() < 0.6:
                    part = self.random.choice(RAW_SEGMENTS)
            parts.append(part)
        return b"/".join(parts)

    def query(self, arguments):
        pairs = []
        for name in arguments:
            if self.random.random() < 0.5:
                pairs.append(name.encode() + b"=" + percent(self.text()))
        if self.random.random() < 0.2:
            pairs.append(self.random.choice((b"nobody=1", b"&&&", b"=", b"%", b"a%00=1", b"%zz=%")))
        if self.random.random() < 0.1 and pairs:
            pairs.append(pairs[0])
        self.random.shuffle(pairs)
        # What follows for ever is asked for by a test of its own.
        pairs = [pair for pair in pairs if not pair.startswith(b"follow")]
        return b"?" + b"&".join(pairs) if pairs else b""

    def head(self, method, target, *headers, version=b"HTTP/1.1"):
        lines = [b"%s %s %s" % (method.upper().encode(), target, version), b"Host: localhost"]
        return b"\r\n".join([*lines, *headers, b"", b""])

    def proper(self, route=None, is_path_broken=False):
        """A request that is framed as it should be; its method and bytes."""
        method, path, arguments = route or self.random.choice(self.routes)
        target = self.path(path, is_path_broken) + self.query(arguments)
        if method not in WITH_BODY:
            return method, self.head(method, target)
        body = self.body(path)
        length = b"Content-Length: %d" % len(body)
        return method, self.head(method, target, length) + body

    # ---- kinds of trouble; each gives a Request ----------------------------------------------

    def arguments(self):
        method, raw = self.proper()
        return Request(raw, (method,), True, "arguments")

    def paths(self):
        method, raw = self.proper(is_path_broken=True)
        return Request(raw, (method,), b"\x01" not in raw, "paths")

    def methods(self):
        _, path, _ = self.random.choice(self.routes)
        odd = ("TRACE", "OPTIONS", "CONNECT", "get", "PROPFIND", "G" * 3000, "PRI", *METHODS)
        method = self.random.choice(odd)
        target = self.random.choice(
            (self.path(path, False), b"*", b"http://localhost" + self.path(path, False), b"/")
        )
        return Request(self.head(method, target), (method.lower(),), True, "methods")

    def request_lines(self):
        method, raw = self.proper()
        line, rest = raw.split(b"\r\n", 1)
        word = line.split(b" ")
        line = self.random.choice(
            (
                b" ".join(word[:2]),
                b" ".join([*word, b"x"]),
                b"  ".join(word),
                b"\t".join(word),
                b" " + line,
                line[:-1] + b"9",
                line[:-3] + b"2.0",
                word[0] + b" " + word[1] + b" HTCPCP/1.0",
                word[0] + b" relative HTTP/1.1",
                word[0] + b" //evil.example/ HTTP/1.1",
                word[0] + b" https://x" + word[1] + b" HTTP/1.1",
                word[0] + b"\x00 " + word[1] + b" HTTP/1.1",
                word[0] + b" " + word[1] + b"#f HTTP/1.1",
                word[0] + b" /" + b"a" * 9000 + b" HTTP/1.1",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"PRI * HTTP/2.0",
                b"",
            )
        )
        return Request(line + b"\r\n" + rest, (method,), False, "request lines")

    def headers(self):
        method, raw = self.proper()
        line, rest = raw.split(b"\r\n", 1)
        count = self.random.choice((1, 1, 2, 3, 120))
        extra = [self.random.choice(HEADERS) for _ in range(count)]
        return Request(b"\r\n".join([line, *extra, rest]), (method,), False, "headers")

    def chunked(self):
        method, path, arguments = self.random.choice(
            [route for route in self.routes if route[0] in WITH_BODY]
        )
        body = self.body(path)
        size = b"%x" % len(body)
        frames = self.random.choice(
            (
                size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                size + b";a=b\r\n" + body + b"\r\n0\r\nTrailer: x\r\n\r\n",
                size + b"\n" + body + b"\n0\n\n",
                b"0x" + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                b"-1\r\n" + body,
                b"+" + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                b"FFFFFFFFFFFFFFFF\r\n" + body,
                b"fffffffffffffffff\r\n" + body,
                b"0" * 30 + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                size + b"\r\n" + body + b"x\r\n0\r\n\r\n",
                size + b"\r\n" + body[: len(body) // 2],
                size + b" " * 9000 + b"\r\n" + body + b"\r\n0\r\n\r\n",
                b"\r\n" + body,
                b"0\r\n" + b"T: x\r\n" * 2000 + b"\r\n",
                b"1\r\n{\r\n" * 500 + b"0\r\n\r\n",
            )
        )
        extra = [b"Transfer-Encoding: chunked"]
        if self.random.random() < 0.3:
            extra.insert(self.random.randrange(2), b"Content-Length: %d" % len(body))
        target = self.path(path, False) + self.query(arguments)
        return Request(self.head(method, target, *extra) + frames, (method,), False, "chunked")

    def oversize(self):
        method, path, _ = self.random.choice(
            [route for route in self.routes if route[0] in WITH_BODY]
        )
        size = self.random.choice((65537, 1 << 20, 1 << 40, (1 << 63) - 1))
        raw = self.head(method, self.path(path, False), b"Content-Length: %d" % size)
        return Request(raw + b"[" * self.random.randrange(70000), (method,), False, "oversize")

    def truncated(self):
        method, raw = self.proper()
        return Request(raw[: self.random.randrange(len(raw))], (method,), False, "truncated")

    def pipelined(self):
        some = [self.proper() for _ in range(self.random.randrange(2, 8))]
        raw = b"".join(bytes_ for _, bytes_ in some)
        return Request(raw, tuple(method for method, _ in some), True, "pipelined")

    def flipped(self):
        method, raw = self.proper()
        raw = bytearray(raw)
        for _ in range(self.random.randrange(1, 6)):
            at = self.random.randrange(len(raw))
            pick = self.random.random()
            if pick < 0.5:
                raw[at] = self.random.randrange(256)
            elif pick < 0.75:
                del raw[at : at + self.random.randrange(1, 5)]
            else:
                raw[at:at] = self.random.randbytes(self.random.randrange(1, 5))
            raw = raw or bytearray(b"x")
        return Request(bytes(raw), (method,), False, "flipped")

    def noise(self):
        return Request(
            self.random.randbytes(self.random.randrange(1, 400)), ("get",), False, "noise"
        )

    def next(self):
        kinds = (
            (self.arguments, 34),
            (self.paths, 12),
            (self.methods, 6),
            (self.request_lines, 6),
            (self.headers, 12),
            (self.chunked, 7),
            (self.oversize, 2),
            (self.truncated, 6),
            (self.pipelined, 5),
            (self.flipped, 8),
            (self.noise, 2),
        )
        make = self.random.choices([kind for kind, _ in kinds], [often for _, often in kinds])[0]
        return make()
