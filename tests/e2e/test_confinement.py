# SPDX-License-Identifier: Apache-2.0
"""A worker has what its plugin was granted and nothing else. The plugin `probe` tries, and reports
what it could."""
import json
import pathlib

import pytest
from daemon import QUICK_RETRY, TOP, build_plugin, wait_for

SOURCE = TOP / "tests/e2e/plugins/probe.c"


@pytest.fixture
def report(tenon, receiver):
    """What the probe says from within a worker."""
    plugins = tenon.folder / "plugins"
    build_plugin(SOURCE, plugins / "probe.so")
    tenon.host_ini(plugins=[plugins])
    tenon.environment["A_SECRET_OF_THE_DAEMON"] = "x"
    allowed = tenon.folder / "allowed"
    allowed.mkdir()
    other = tenon.folder / "other"
    other.mkdir()
    private = tenon.folder / "private"
    private.write_text("nobody's business")
    private.chmod(0o600)
    readable = plugins / "readable"
    readable.write_text("beside the plugin")
    tenon.ini(
        "probe",
        "[integration]\nplugin = probe\nbase_url = %s\nallow_paths = %s %s\n%s"
        "[settings]\noutside = %s\nreadable = %s\ninside = %s\n"
        % (receiver.url(), other, allowed, QUICK_RETRY, private, readable, allowed / "file"),
    )
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: receiver.stats()["records"] == 1, "the probe's report")
    return json.loads(receiver.exchanges[0]["body"])


def has_landlock():
    return (
        "landlock" in pathlib.Path("/sys/kernel/security/lsm").read_text()
        if pathlib.Path("/sys/kernel/security/lsm").exists()
        else False
    )


def test_a_worker_cannot_do_what_it_was_not_granted(report):
    for what in ("connect", "netlink", "fork", "exec", "trace parent", "signal parent"):
        assert report[what] != "ok", "%s: %r" % (what, report)
    assert report["write inside"] == "ok"
    if has_landlock():
        assert report["read outside"] != "ok" and report["write outside"] != "ok", report


# Where the worker has tenond's uid, nothing else keeps these from tenond: neither the rights of
# files nor Landlock.
OF_THE_SAME_UID = (
    "limit parent",
    "limit parent from afar",
    "limit parent from below",
    "pin parent",
    "pin nobody",
    "slow parent",
    "chmod outside",
    "fchmodat2 outside",
    "chown outside",
    "attribute outside",
    "no attribute outside",
    "file_setattr outside",
    "touch outside",
    "truncate outside",
    "open for nothing",
    "empty readable",
    "chmod readable",
    "chown readable",
    "touch readable",
    "lease readable",
    "mark readable",
)
OUT_OF_THE_LIMITS = (
    "shared memory",
    "semaphores",
    "messages",
    "message queue",
    "memory file",
    "secret memory",
    "socket pair",
)


def test_a_worker_of_the_daemons_uid_cannot_touch_what_is_the_daemons(report, tenon):
    assert {what: report[what] for what in OF_THE_SAME_UID} == dict.fromkeys(
        OF_THE_SAME_UID, "EPERM"
    )
    private = tenon.folder / "private"
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.read_text() == "nobody's business"


def test_a_worker_has_no_memory_out_of_its_limit_and_no_datagrams(report):
    assert {what: report[what] for what in OUT_OF_THE_LIMITS} == dict.fromkeys(
        OUT_OF_THE_LIMITS, "EPERM"
    )


def test_what_plugins_need_is_left(report):
    for what in ("pin self", "cut inside", "lock inside"):
        assert report[what] == "ok", "%s: %r" % (what, report)


def test_a_worker_has_only_its_own_descriptors_and_environment(report):
    assert len(report["descriptors"]) <= 6, report["descriptors"]
    assert "A_SECRET_OF_THE_DAEMON" not in report["environment"]
    assert len(report["environment"]) <= 6, report["environment"]


def test_the_kernel_agrees(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: receiver.stats()["records"] == 1, "a delivery")
    for pid in wait_for(tenon.workers, "a worker"):
        status = dict(
            line.split(":\t", 1)
            for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines()
        )
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2", "no seccomp filter"
        sockets = [entry.readlink() for entry in pathlib.Path("/proc/%d/fd" % pid).iterdir()]
        assert len(sockets) <= 6, sockets
        limits = pathlib.Path("/proc/%d/limits" % pid).read_text()
        assert "Max core file size        0" in limits, limits


def test_plugin_code_is_not_let_in_by_the_socket(tenon):
    """It may have the daemon's own user, and with the network it gets at the file."""
    plugins = tenon.folder / "plugins"
    build_plugin(TOP / "tests/e2e/plugins/intruder.c", plugins / "intruder.so")
    tenon.host_ini(plugins=[plugins])
    tenon.ini(
        "intruder",
        "[integration]\nplugin = intruder\nallow_net = yes\n[select]\nselector = none\n"
        "[settings]\nsocket = %s\n" % tenon.socket,
    )
    tenon.start()
    wait_for(lambda: tenon.integration("intruder")["state"] == "active", "it to be open")
    told = tenon.post("/api/v1/integrations/intruder/actions/ask").json["result"]
    assert told.startswith("HTTP/1.1 403 ") and "This socket is not for plugin code" in told, told
