# SPDX-License-Identifier: Apache-2.0
"""What the measurements stand on: the three small programs, a daemon and a sink to be started and
stopped, waiting, the disk's own figure."""
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import measure

TOP = pathlib.Path(__file__).resolve().parents[2]
SOURCES = pathlib.Path(os.environ.get("BENCH_PROGRAMS", TOP.parent / "shared/bench"))
PROGRAMS = TOP / "build-bench"
BARE = TOP / "tests/bench/http/curl_bare.c"

# Ended from outside, what was started is ended, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def wait_until(ask, what, timeout_s, every_s=0.05):
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answer = ask()
            if answer:
                return answer
        except OSError:
            pass  # not listening yet
        if time.monotonic() > deadline:
            raise SystemExit("bench: waited %g s for %s" % (timeout_s, what))
        time.sleep(every_s)


def build_programs():
    if not (SOURCES / "Makefile").exists():
        raise SystemExit(
            "bench: no %s with sink.c, feed.c and genevents.c; name their folder in BENCH_PROGRAMS"
            % SOURCES
        )
    PROGRAMS.mkdir(exist_ok=True)
    subprocess.run(["make", "-s", "-C", str(SOURCES), "B=%s" % PROGRAMS], check=True)
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libcurl"], capture_output=True, text=True, check=True
    ).stdout
    subprocess.run(
        [
            "cc",
            "-O2",
            "-D_GNU_SOURCE",
            "-o",
            str(PROGRAMS / "curl_bare"),
            str(BARE),
            *flags.split(),
            "-lpthread",
        ],
        check=True,
    )


def make_events(count):
    path = PROGRAMS / ("events-%d.ndjson" % count)
    if not path.exists():
        with open(str(path) + ".new", "wb") as file:
            subprocess.run([str(PROGRAMS / "genevents"), str(count)], stdout=file, check=True)
        os.replace(str(path) + ".new", path)
    return path


class Sink:
    def __enter__(self):
        self.port = free_port()
        self.process = subprocess.Popen([str(PROGRAMS / "sink"), "-p", str(self.port), "--ids"])
        wait_until(self.stats, "the sink", 10)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def set(self, **faults):
        """Breaks it: what it knows is in the head of sink.c."""
        words = "&".join("%s=%s" % pair for pair in faults.items())
        get("http://127.0.0.1:%d/__set?%s" % (self.port, words))

    def stats(self):
        return json.loads(get("http://127.0.0.1:%d/__stats" % self.port))


class Daemon:
    """tests/bench/start in a folder of its own."""

    def __init__(self, mode, sink_port, prepare=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tenon-bench-"))
        self.port = free_port()
        if prepare:
            prepare(self.folder)
        self.process = subprocess.Popen(
            [
                str(TOP / "tests/bench/start"),
                str(self.folder),
                mode,
                str(self.port),
                str(sink_port),
            ],
            process_group=0,  # not a session: see README.md
        )

    def __enter__(self):
        wait_until(
            lambda: self.is_alive() and get("http://127.0.0.1:%d/health" % self.port), "tenond", 600
        )
        return self

    def is_alive(self):
        if self.process.poll() is not None:
            raise SystemExit("bench: tenond ended with %d" % self.process.returncode)
        return True

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            for pid in measure.tree(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def rate_of(stats):
    return stats["unique"] / max(stats["t_last_new"] - stats["t_first"], 1e-6)


def sync_ms():
    """What one fdatasync of the folder that the stores lie in takes: intake cannot be answered
    faster."""
    times = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)
