# SPDX-License-Identifier: Apache-2.0
"""A receiver that errs by chance: so many of its answers are an error, a reset, a loss. The seed is
printed, so that a run can be had again."""
import random
import socket
import struct
import threading

import receiver


class Handler(receiver.Handler):
    def do_POST(self):
        self.server.here.connection = self.connection
        super().do_POST()

    do_PUT = do_POST
    do_PATCH = do_POST
    do_DELETE = do_POST


class Storm(receiver.Receiver):
    """`chances` name what goes wrong and how often, of 1: a status ({"500": 0.05}), `reset` (the
    request is not taken, the connection is reset), `lost` (it is taken, and the connection reset
    before the answer). 429 and 503 carry Retry-After. `chances` may be changed while it runs."""

    def __init__(self, chances=None, retry_after=1, seed=None, **settings):
        self.seed = random.randrange(1 << 32) if seed is None else seed
        print("seed %d" % self.seed)
        self.dice = random.Random(self.seed)
        self.chances = dict(chances or {})
        self.retry_after = retry_after
        self.here = threading.local()
        self.errors = {}
        super().__init__(**settings)
        self.RequestHandlerClass = Handler

    def take(self, exchange):
        what = self.roll()
        if what is None:
            return super().take(exchange)
        with self.lock:
            self.errors[what] = self.errors.get(what, 0) + 1
            self.counters["requests"] += 1
            if self.keep:
                self.exchanges.append(exchange)
            if what in ("reset", "lost"):
                if what == "lost":
                    self.count_accepted(exchange)
                self.reset()
                return None
            asks = self.retry_after if what in ("429", "503") else None
            return self.refuse(exchange, int(what), asks)

    def roll(self):
        with self.lock:
            rolled = self.dice.random()
            for what, chance in self.chances.items():
                rolled -= chance
                if rolled < 0:
                    return what
        return None

    def reset(self):
        """No more than an RST: what lingers is thrown away."""
        self.here.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.here.connection.close()
