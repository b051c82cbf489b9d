# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client of a few lines: enough for /ws, and for breaking its rules."""
import base64
import json
import os
import socket
import struct

from daemon import PATIENCE


class Live:
    def __init__(self, tenon, headers="", path="/ws", port=None, over=None):
        if over is not None:  # a socket that is connected already, such as one under TLS
            self.socket = over
        elif port is None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(30 * PATIENCE)
            self.socket.connect(str(tenon.socket))
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=30 * PATIENCE)
        self.kept = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: %s\r\n%s\r\n" % (path, key, headers)
            ).encode()
        )
        while b"\r\n\r\n" not in self.kept:
            more = self.socket.recv(65536)
            if not more:
                break
            self.kept += more
        head, _, self.kept = self.kept.partition(b"\r\n\r\n")
        self.head = head.decode()
        self.status = int(self.head.split()[1])

    def frame(self, first, payload=b""):
        mask = os.urandom(4)
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", first, 0x80 | length)
        elif length < 65536:
            head = struct.pack(">BBH", first, 0x80 | 126, length)
        else:
            head = struct.pack(">BBQ", first, 0x80 | 127, length)
        masked = bytes(c ^ mask[i % 4] for i, c in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def say(self, **message):
        self.frame(0x81, json.dumps(message).encode())

    def need(self, count):
        while len(self.kept) < count:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.kept += more

    def read_frame(self):
        """(first byte, payload); EOFError at the end."""
        self.need(2)
        first, length = self.kept[0], self.kept[1]
        at = 2
        if length == 126:
            self.need(4)
            length, at = struct.unpack(">H", self.kept[2:4])[0], 4
        elif length == 127:
            self.need(10)
            length, at = struct.unpack(">Q", self.kept[2:10])[0], 10
        self.need(at + length)
        payload, self.kept = self.kept[at : at + length], self.kept[at + length :]
        return first, payload

    def hear(self):
        """The next message; pings are answered on the way."""
        while True:
            first, payload = self.read_frame()
            if first == 0x89:
                self.frame(0x8A, payload)
            elif first == 0x81:
                return json.loads(payload)
            else:
                raise AssertionError("frame %#x: %r" % (first, payload))

    def hear_until(self, is_it):
        """Messages up to the first that is it."""
        heard = []
        while not heard or not is_it(heard[-1]):
            heard.append(self.hear())
        return heard

    def subscribe(self, **wish):
        self.say(type="subscribe", **wish)
        answer = self.hear()
        assert answer["type"] == "subscribed", answer
        return answer

    def close(self):
        self.socket.close()
