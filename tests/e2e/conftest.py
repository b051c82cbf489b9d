# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a real tenond in a folder of its own, a real receiver, the client program. Tests wait
on what the API and the receiver say, with a deadline; nothing waits on time alone.

Where the programs are: TENON_BUILD, else build/ beside the tree's meson.build."""
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "examples"))
sys.path.insert(0, str(TOP / "tests/lib"))
sys.path.insert(0, str(TOP / "tests/e2e"))
sys.dont_write_bytecode = True

from clock import LIBRARIES, Clock  # noqa: E402
from daemon import BUILD, SANITIZED, Tenon  # noqa: E402 (the paths above come first)
from mcp import Client  # noqa: E402
from receiver import Receiver  # noqa: E402


# A shell's background job has it ignored, and so would all that is started here: Ctrl-C is tested.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    if not (BUILD / "host/tenond").exists():
        raise pytest.UsageError(
            "%s/host/tenond is not there: build first (ninja -C %s), or set TENON_BUILD"
            % (BUILD, BUILD)
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.fixture
def folder():
    """A fresh folder that nobody else may write to, which is what the trust check wants of
    plugins."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tenon-e2e-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def tenon(folder, request):
    """A daemon that is configured by the test and then started by it. When the test fails its log
    is shown."""
    daemon = Tenon(folder)
    yield daemon
    if getattr(request.node, "failed", False):
        print("---- tenond's log\n" + daemon.log_text()[-8000:])
    daemon.kill()


@pytest.fixture
def receiver():
    server = Receiver(keep=True).start()
    yield server
    server.stop()


@pytest.fixture
def make_receiver():
    """Receivers with settings of their own: make_receiver(secret=..., port=...)."""
    made = []

    def make(**settings):
        settings.setdefault("keep", True)
        made.append(Receiver(**settings).start())
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def clock(tenon):
    """The daemon's wall clock, to be stepped."""
    if SANITIZED:
        pytest.skip("a sanitizer's runtime wants to be the first library, as libfaketime does")
    if not LIBRARIES:
        pytest.skip("needs Debian's faketime")
    return Clock(tenon)


@pytest.fixture
def needs_root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def connect():
    """Makes official MCP clients, and sees them end well."""
    made = []

    def make(*arguments, **more):
        made.append(Client(*arguments, **more))
        return made[-1]

    yield make
    for client in made:
        assert client.close() == 0
