# SPDX-License-Identifier: Apache-2.0
"""Two integrations want the same records and one's destination is dead for the whole run: it
refuses connections, or it takes them and never answers. What the other still delivers, compared
with a daemon that has it alone; and the daemon's memory while rows pile up."""
import contextlib
import re
import socket
import threading
import time
import pathlib

from promise import Contender, Row, in_turns, ratio_row, start_feed, tell
from rig import Daemon, Sink, make_events


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


DEAD = {"refuses connections": refusing, "takes them and never answers": silent}


def with_dead(port):
    def prepare(folder):
        (folder / "conf.d").mkdir()
        (folder / "conf.d/dead.ini").write_text(
            "[integration]\nplugin = webhook\nbase_url = http://127.0.0.1:%d\n"
            "[settings]\npath = /x\n" % port
        )

    return prepare


def measure_rates(arguments):
    with contextlib.ExitStack() as stack:
        contenders = {"alone": Contender(stack)}
        for dead, make in DEAD.items():
            contenders[dead] = Contender(stack, with_dead(stack.enter_context(make())))
        in_turns(contenders, arguments.events, arguments.rounds)
    rows = []
    for dead in DEAD:
        ratios = [b / a for b, a in zip(contenders[dead].rates, contenders["alone"].rates)]
        how = "rate / rate alone, %d rounds of %d" % (arguments.rounds, arguments.events)
        rows.append(ratio_row("beside one that " + dead, ratios, 0.95, how))
    return rows


def memory_kb(pid):
    """(anonymous memory, all that is resident) of a process."""
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return tuple(
        int(re.search(r"^%s:\s+(\d+)" % word, text, re.M).group(1)) for word in ("RssAnon", "VmRSS")
    )


def measure_memory(arguments):
    """From when a tenth of the rows is there (caches are full then) to the last: the most there
    was, less what there was at first."""
    events = make_events(arguments.pile)
    rows = []
    for dead, make in DEAD.items():
        with make() as port, Sink() as sink, Daemon("batch", sink.port, with_dead(port)) as daemon:
            feed = start_feed(daemon.port, events)
            first = None
            samples = []
            while feed.poll() is None or sink.stats()["unique"] < arguments.pile:
                daemon.is_alive()
                arrived = sink.stats()["unique"]
                if arrived >= arguments.pile // 10:
                    samples.append(memory_kb(daemon.process.pid))
                    first = first or samples[-1]
                time.sleep(0.1)
            feed.communicate()
            grown = max(one[1] for one in samples) - first[1]
            rows.append(
                Row(
                    "%s: tenond's growth over %d rows" % (dead, arguments.pile),
                    "%.1f MB" % (grown / 1024),
                    "<= 2.0 MB",
                    "resident, %.1f MB after the first tenth; anonymous %+.1f MB at the end"
                    % (first[1] / 1024, (samples[-1][0] - first[0]) / 1024),
                    grown <= 2048,
                    samples,
                )
            )
            tell("%s: %s, %s" % (rows[-1].name, rows[-1].figure, rows[-1].how))
    return rows
