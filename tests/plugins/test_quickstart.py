# SPDX-License-Identifier: Apache-2.0
"""The first command of the README, as a new user types it, and Ctrl-C."""
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
PATIENCE_S = 300  # it builds


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="tenon-quickstart-test-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def interrupted_at(line, folder, *arguments):
    """Runs it on a terminal of its own until it prints `line`, then Ctrl-C, which all get."""
    process = subprocess.Popen(
        [str(TREE / "examples/quickstart.sh"), *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Who is ignoring it already, as a background job does, cannot hear of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    watchdog = threading.Timer(PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    seen = []
    for text in process.stdout:
        seen.append(text)
        if line in text:
            os.killpg(process.pid, signal.SIGINT)
    code = process.wait()
    watchdog.cancel()
    return code, "".join(seen)


def test_it_delivers_everything_and_ctrl_c_ends_a_long_stay(folder):
    code, shown = interrupted_at("Ctrl-C ends it.", folder, "--stay")
    assert "1143 records in, 1143 delivered to the webhook, 1143 to the archive, 0 lost" in shown
    assert "1143 signatures verified by the receiver, 0 wrong, 0 missing" in shown
    assert "the second import sent 0 records" in shown
    assert code == 0 and "did not work" not in shown, shown
    assert list(folder.iterdir()) == [], "it left something behind"


def test_ctrl_c_on_the_way_leaves_nothing(folder):
    code, shown = interrupted_at("2. A receiver", folder)
    assert code == 130 and "did not work" not in shown, shown
    assert list(folder.iterdir()) == [], "it left something behind"
