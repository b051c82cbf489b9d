#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small webhook receiver to try Tenon with, and to test it against. Python's own library, nothing
else.

It checks every Standard Webhooks signature (https://www.standardwebhooks.com) by its own code,
counts what is new and what comes twice by the webhook-id, which is Tenon's idempotency key, and
breaks when told to:

    GET /__stats                          counters as JSON
    GET /__break?how=status&status=503    answer 503 from now on
        &how=close                        hang up without an answer, the request not taken
        &how=lost                         take the request, then hang up without an answer
        &after=N                          only once N more requests were taken
        &count=N                          only for N requests
        &retry_after=S                    with a Retry-After header
    GET /__mend                           serve again
    GET /__zero                           forget everything

    receiver.py [--port N] [--secret whsec_...] [--log FILE] [--port-file FILE]
    receiver.py --ask URL [--field NAME]    print the answer of a running one, or one counter of it
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import socket
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_S = 300


def signature_verdict(secret, headers, body, now=None):
    """'good', 'missing', or a sentence that says what is wrong with the signature of a request."""
    message_id = headers.get("webhook-id")
    sent_at = headers.get("webhook-timestamp")
    signatures = headers.get("webhook-signature")
    if message_id is None or sent_at is None or signatures is None:
        return "missing"
    if not sent_at.isdigit() or abs((now or time.time()) - int(sent_at)) > TOLERANCE_S:
        return "webhook-timestamp '%s' is not within %d s of now" % (sent_at, TOLERANCE_S)
    key = base64.b64decode(secret[len("whsec_") :] if secret.startswith("whsec_") else secret)
    signed = message_id.encode() + b"." + sent_at.encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for one in signatures.split(" "):
        version, _, value = one.partition(",")
        if version == "v1" and hmac.compare_digest(value, expected):
            return "good"
    return "webhook-signature '%s' is not v1,%s" % (signatures, expected)


def count_records(headers, body):
    """How many records a body carries: the lines of NDJSON, the elements of an array, else one."""
    if "ndjson" in headers.get("content-type", ""):
        return sum(1 for line in body.split(b"\n") if line.strip())
    if body.lstrip()[:1] == b"[":
        return len(json.loads(body))
    return 1


class Breakage:
    """How the receiver misbehaves, from when on, and how often."""

    def __init__(self, how="status", status=503, after=0, count=-1, retry_after=None):
        if how not in ("status", "close", "lost"):
            raise ValueError("how=%s: expected status, close or lost" % how)
        self.how = how
        self.status = int(status)
        self.after = int(after)
        self.count = int(count)
        self.retry_after = retry_after

    def applies(self, taken):
        if taken < self.after or self.count == 0:
            return False
        if self.count > 0:
            self.count -= 1
        return True


class Receiver(ThreadingHTTPServer):
    """The server. In a test: start(), look at `taken` and counters, stop(). `answer` may be
    replaced by a function (exchange) -> (status, headers, body) that is asked for every request
    while nothing is broken. """

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, port=0, secret=None, log=None, keep=False):
        super().__init__(("127.0.0.1", port), Handler)
        self.secret = secret
        self.log = log
        self.keep = keep
        self.answer = None
        self.lock = threading.Condition()
        self.zero()

    @property
    def port(self):
        return self.server_address[1]

    def url(self, path=""):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def zero(self):
        with self.lock:
            self.breakage = None
            self.bodies = {}  # webhook-id -> digest of the body it first came with
            self.exchanges = []  # every request, answered well or not, when `keep`
            self.counters = dict.fromkeys(
                (
                    "requests",
                    "accepted",
                    "unique",
                    "duplicates",
                    "changed",
                    "records",
                    "refused",
                    "dropped",
                    "signatures_good",
                    "signatures_missing",
                    "signatures_bad",
                ),
                0,
            )
            self.last_bad = ""

    def break_it(self, **how):
        with self.lock:
            breakage = Breakage(**how)
            breakage.after += self.counters["accepted"]
            self.breakage = breakage

    def mend(self):
        with self.lock:
            self.breakage = None

    def stats(self):
        with self.lock:
            broken = self.breakage is not None and self.counters["accepted"] >= self.breakage.after
            return dict(self.counters, is_broken=broken, last_bad_signature=self.last_bad)

    def start(self):
        self.thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.thread.start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A peer that hangs up is no error here; everything else is shown."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, BrokenPipeError)):
            super().handle_error(request, client_address)

    # ---- one request -----------------------------------------------------------------------------

    def take(self, exchange):
        """Counts one request and says how to answer: (status, headers, body), or None to hang
        up."""
        with self.lock:
            self.counters["requests"] += 1
            if self.keep:
                self.exchanges.append(exchange)
            breakage = self.breakage
            if breakage is not None and breakage.applies(self.counters["accepted"]):
                if breakage.how == "lost":
                    self.count_accepted(exchange)
                    exchange["answer"] = "lost"
                    return None
                if breakage.how == "close":
                    self.counters["dropped"] += 1
                    exchange["answer"] = "dropped"
                    return None
                return self.refuse(exchange, breakage.status, breakage.retry_after)
            verdict = self.check_signature(exchange)
            if verdict not in ("good", None):
                return self.refuse(exchange, 401, None, verdict)
            status, headers, body = (
                self.answer(exchange) if self.answer else (200, {}, b'{"ok":true}')
            )
            exchange["answer"] = status
            if 200 <= status < 300:
                self.count_accepted(exchange)
            else:
                self.counters["refused"] += 1
            return status, headers, body

    def refuse(self, exchange, status, retry_after=None, words="broken on purpose"):
        self.counters["refused"] += 1
        exchange["answer"] = status
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return status, headers, json.dumps({"error": words}).encode()

    def check_signature(self, exchange):
        if self.secret is None:
            return None
        verdict = signature_verdict(self.secret, exchange["headers"], exchange["body"])
        kind = verdict if verdict in ("good", "missing") else "bad"
        self.counters["signatures_" + kind] += 1
        if kind == "bad":
            self.last_bad = verdict
        return verdict

    def count_accepted(self, exchange):
        headers = exchange["headers"]
        key = (
            headers.get("webhook-id")
            or headers.get("idempotency-key")
            or "none-%d" % self.counters["requests"]
        )
        digest = hashlib.sha256(exchange["body"]).digest()
        first = self.bodies.setdefault(key, digest)
        self.counters["accepted"] += 1
        if first is digest:
            self.counters["unique"] += 1
            self.counters["records"] += count_records(headers, exchange["body"])
        else:
            self.counters["duplicates"] += 1
            self.counters["changed"] += first != digest
        if self.log is not None:
            row = {
                "at": exchange["at"],
                "key": key,
                "path": exchange["path"],
                "body": exchange["body"].decode("utf-8", "replace"),
            }
            self.log.write(json.dumps(row) + "\n")
            self.log.flush()
        self.lock.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment for head and body

    def log_message(self, *args):
        pass  # the counters say it better

    def do_GET(self):
        path, _, query = self.path.partition("?")
        arguments = dict(urllib.parse.parse_qsl(query))
        try:
            if path == "/__break":
                self.server.break_it(**arguments)
            elif path == "/__mend":
                self.server.mend()
            elif path == "/__zero":
                self.server.zero()
            elif path != "/__stats":
                return self.reply(
                    404, {}, b'{"error":"GET knows /__stats, /__break, /__mend and /__zero"}'
                )
        except (TypeError, ValueError) as error:
            return self.reply(400, {}, json.dumps({"error": str(error)}).encode())
        return self.reply(200, {}, json.dumps(self.server.stats()).encode())

    def do_POST(self):
        exchange = {
            "at": time.time(),
            "method": self.command,
            "path": self.path,
            "body": self.read_body(),
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        answer = self.server.take(exchange)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.reply(*answer)

    do_PUT = do_POST
    do_PATCH = do_POST
    do_DELETE = do_POST

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(
        description="A webhook receiver that checks signatures and breaks on demand."
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--port-file", help="write the port here once it is open")
    parser.add_argument(
        "--secret", help="whsec_...: refuse what is not signed with it (or in RECEIVER_SECRET)"
    )
    parser.add_argument("--log", help="append what was taken here, one JSON object a line")
    parser.add_argument("--ask", metavar="URL", help="be a client: GET this and print the answer")
    parser.add_argument("--field", help="with --ask: print this counter alone")
    arguments = parser.parse_args()
    if arguments.ask:
        with urllib.request.urlopen(arguments.ask, timeout=10) as answer:
            found = json.load(answer)
        print(found[arguments.field] if arguments.field else json.dumps(found))
        return
    log = open(arguments.log, "a", encoding="utf-8") if arguments.log else None
    server = Receiver(arguments.port, arguments.secret or os.environ.get("RECEIVER_SECRET"), log)
    if arguments.port_file:
        with open(arguments.port_file + ".new", "w", encoding="ascii") as file:
            file.write("%d\n" % server.port)
        os.replace(arguments.port_file + ".new", arguments.port_file)
    print("receiver: listening at %s" % server.url(), flush=True)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
