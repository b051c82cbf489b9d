# SPDX-License-Identifier: Apache-2.0
"""Destinations that are dead, in the two ways that matter: nobody listens, or nobody answers. Each
is a context that gives its port."""
import contextlib
import socket
import threading


@contextlib.contextmanager
def refusing():
    """A port that is bound, so that nobody else gets it, and not listened to."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


@contextlib.contextmanager
def silent():
    """A server that takes every connection and every byte and never says a word."""
    server = socket.create_server(("127.0.0.1", 0), backlog=1024)
    taken = []

    def take():
        with contextlib.suppress(OSError):
            while True:
                taken.append(server.accept()[0])

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for one in taken:
            one.close()
