# SPDX-License-Identifier: Apache-2.0
"""What a thousand live connections cost while nothing happens: half of them have subscribed to
everything, half to nothing."""
import base64
import contextlib
import json
import os
import socket
import struct

import measure as processes
from promise import Row
from rig import Daemon, Sink

CONNECTIONS = 1000


def connect(port):
    live = socket.create_connection(("127.0.0.1", port), timeout=60)
    live.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + base64.b64encode(os.urandom(16))
        + b"\r\n\r\n"
    )
    assert b" 101 " in live.recv(4096)
    return live


def subscribe(live):
    text = json.dumps({"type": "subscribe"}).encode()
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
    live.sendall(struct.pack(">BB", 0x81, 0x80 | len(text)) + mask + masked)
    assert b"subscribed" in live.recv(4096)


def measure(arguments):
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink())
        daemon = stack.enter_context(Daemon("one", sink.port))
        subscribe(stack.enter_context(connect(daemon.port)))  # what the first one makes stays
        before = processes.memory_kb(daemon.process.pid)
        for i in range(CONNECTIONS):
            live = stack.enter_context(connect(daemon.port))
            if i % 2 == 0:
                subscribe(live)
        after = processes.memory_kb(daemon.process.pid)
    pss_kb, rss_kb = (now - then for now, then in zip(after, before))
    return [
        Row(
            "%d idle live connections, tenond's memory" % CONNECTIONS,
            "%.1f MB" % (pss_kb / 1024),
            "< 5.0 MB",
            "PSS; RSS %.1f MB; half of them subscribed to everything" % (rss_kb / 1024),
            pss_kb < 5 * 1024,
        )
    ]
