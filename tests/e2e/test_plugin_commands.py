# SPDX-License-Identifier: Apache-2.0
"""`tenon INTEGRATION COMMAND`: output as it comes, arguments, input and exit code as they are; a
caller that leaves ends it; a crash, a hang and a flood hurt nobody else."""
import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from daemon import BUILD, SANITIZED, TOP, build_plugin, descendants, wait_for

NO_RECORDS = "\n[select]\nselector = none\n"


@pytest.fixture
def talking(tenon):
    more = tenon.folder / "more"
    build_plugin(TOP / "tests/e2e/plugins/talker.c", more / "talker.so")
    tenon.host_ini(plugins=[more])
    tenon.ini("talk", "[integration]\nplugin = talker\n" + NO_RECORDS)
    tenon.ini("tap", "[integration]\nplugin = talker\n" + NO_RECORDS)
    tenon.start()
    wait_for(lambda: tenon.integration("talk")["state"] == "active", "talk")
    wait_for(lambda: tenon.integration("tap")["state"] == "active", "tap")
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


def start(tenon, *arguments, **more):
    return subprocess.Popen(
        [str(BUILD / "host/tenon"), *arguments],
        env={**os.environ, "TENON_CONF": str(tenon.conf), **more.pop("env", {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more
    )


def add_works(tenon):
    return json.loads(tenon.cli("call", "talk.add", "a=40", "b=2").stdout) == 42


def test_arguments_width_and_both_outputs(talking):
    run = talking.cli("talk", "facts", "--json", "", "two words", "-n", "--", "ü")
    assert run.stdout == "width=0 flags=0 args=6\n--json\n\ntwo words\n-n\n--\nü\n"
    assert run.stderr == "to stderr\n"
    process = start(talking, "talk", "facts", env={"COLUMNS": "61"})
    assert process.communicate()[0].startswith(b"width=61 ")


def test_terminals_are_told_apart(talking):
    script = "script -qec '%s talk facts' /dev/null" % (BUILD / "host/tenon")
    run = subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, "TENON_CONF": str(talking.conf), "TERM": "xterm", "COLUMNS": "77"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "width=77 flags=15 " in run.stdout or "width=77 flags=14 " in run.stdout, run


def test_exit_codes_are_the_commands(talking):
    for code in (0, 1, 3, 42, 255):
        assert talking.cli("talk", "exit", code, check=False).returncode == code
    run = talking.cli("talk", "exit", check=False)
    assert run.returncode == 1
    assert run.stderr == "tenon: expected an exit code, came nothing\n"
    run = talking.cli("talk", "exit", 256, check=False)
    assert run.returncode == 1 and "256" in run.stderr


def test_input_is_passed_whole_and_only_when_wanted(talking):
    text = "".join("line %d\n" % i for i in range(30000))
    assert talking.cli("talk", "echo", stdin=text).stdout == text
    assert talking.cli("talk", "echo", stdin="").stdout == ""
    # a command that reads nothing leaves its caller's input alone
    script = "%s talk exit 0; cat" % (BUILD / "host/tenon")
    run = subprocess.run(
        ["sh", "-c", script],
        input=b"for cat",
        env={**os.environ, "TENON_CONF": str(talking.conf)},
        capture_output=True,
        check=False,
    )
    assert run.stdout == b"for cat", run


def test_output_comes_while_it_runs_and_ctrl_c_ends_it(talking):
    process = start(talking, "talk", "steps")
    assert process.stdout.readline() == b"one\n"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == -signal.SIGINT
    # the command noticed: nothing of it is left that would have to be told to end
    assert add_works(talking)
    assert talking.integration("talk")["worker"]["crashes"] == 0


def test_a_reader_that_has_enough_ends_it(talking):
    script = "%s talk flood 100000000000 | head -c 1000 | wc -c" % (BUILD / "host/tenon")
    run = subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, "TENON_CONF": str(talking.conf)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.strip() == "1000", run
    assert add_works(talking)


def rss_kb(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_a_flood_costs_no_memory(talking):
    size = 1 << 30
    process = start(talking, "talk", "flood", str(size))
    before = rss_kb(talking.process.pid)
    peak = [before]
    seen = 0

    def watch():
        while process.poll() is None:
            with contextlib.suppress(OSError):
                peak[0] = max(peak[0], rss_kb(talking.process.pid))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    while piece := process.stdout.read(1 << 20):
        seen += len(piece)
        if seen < 3 << 20:
            time.sleep(0.2)  # a slow reader, for a moment
    assert process.wait() == 0
    watcher.join()
    assert seen == size
    if not SANITIZED:  # a sanitizer keeps what is freed
        assert peak[0] - before < 4096, "tenond grew by %d KB" % (peak[0] - before)


def test_a_crash_is_told_and_hurts_nobody(talking):
    run = talking.cli("talk", "crash", check=False)
    assert run.returncode == 1
    assert run.stdout == "before\n"
    assert "SIGSEGV" in run.stderr and "command crash, integration talk" in run.stderr, run.stderr
    assert "a command was cut short" in talking.log_text()
    wait_for(lambda: talking.integration("talk")["state"] == "active", "talk again")
    assert add_works(talking)


def test_a_time_limit_of_the_command(talking):
    run = talking.cli("talk", "slow", check=False)
    assert run.returncode == 1 and "nothing came within 500 ms" in run.stderr
    assert add_works(talking)
    assert talking.integration("talk")["worker"]["crashes"] == 0


def test_a_deaf_command_costs_its_worker_when_nobody_is_in_it(talking):
    process = start(talking, "talk", "deaf")
    assert process.stdout.readline() == b"deaf\n"
    process.kill()
    process.communicate()
    assert add_works(talking)  # the strand goes on meanwhile
    wait_for(
        lambda: talking.integration("talk")["worker"]["crashes"] == 1, "the worker's end", 40.0
    )
    assert "did not end within 15 s" in talking.integration("talk")["worker"]["last_crash"]
    wait_for(lambda: talking.integration("talk")["state"] == "active", "talk again")
    assert add_works(talking)


def test_a_daemon_that_is_killed_meanwhile(talking):
    process = start(talking, "talk", "steps")
    assert process.stdout.readline() == b"one\n"
    talking.kill()
    _, err = process.communicate()
    assert process.returncode == 3
    assert b"tenond has stopped while the command ran" in err


def test_a_daemon_that_stops_meanwhile(talking):
    process = start(talking, "talk", "steps")
    assert process.stdout.readline() == b"one\n"
    assert talking.stop() == 0
    process.communicate()
    assert process.returncode in (1, 3)


def test_a_command_of_ours_goes_before_an_integration(talking):
    assert "something is missing: tenon tap NAME" in talking.cli("tap", check=False).stderr
    assert talking.cli("integration", "run", "tap", "exit", 7, check=False).returncode == 7
    assert talking.cli("integration", "run", "tap", "facts", "--help-me").stdout.endswith(
        "--help-me\n"
    )


def test_help_and_what_is_not_there(talking):
    assert "exit CODE" in talking.cli("talk", "--help").stdout
    assert "exit CODE" in talking.cli("talk").stdout
    for words in (["--json", "talk"], ["talk", "--json"], ["integration", "run", "talk", "--json"]):
        items = json.loads(talking.cli(*words).stdout)["items"]
        assert "echo" in [item["name"] for item in items], words
    assert talking.cli("talk", "facts", "--json").stdout.endswith("--json\n")  # the command's own
    run = talking.cli("talk", "slow", "--help")
    assert "Has half a second." in run.stdout and "It needs more." in run.stdout
    run = talking.cli("talk", "ecko", check=False)
    assert run.returncode == 2 and "perhaps 'tenon talk echo' was meant" in run.stderr
    run = talking.cli("nobody", "echo", check=False)
    assert run.returncode == 2 and "there is no command 'nobody echo'" in run.stderr
    run = talking.cli("statsu", check=False)
    assert run.returncode == 2 and "perhaps 'tenon status' was meant" in run.stderr
    assert talking.stop() == 0
    run = talking.cli("talk", "echo", check=False)
    assert run.returncode == 3 and "cannot talk to tenond" in run.stderr


def test_sixteen_at_once_and_no_more(talking):
    running = [start(talking, "talk", "steps") for _ in range(16)]
    for process in running:
        assert process.stdout.readline() == b"one\n"
    run = talking.cli("talk", "exit", 0, check=False)
    assert run.returncode == 1 and "16 commands and requests" in run.stderr
    assert add_works(talking)
    for process in running:
        process.kill()
        process.communicate()
    wait_for(
        lambda: talking.cli("talk", "exit", 0, check=False).returncode == 0, "room for another"
    )


def test_over_http_for_everybody(talking):
    path = "/api/v1/integrations/talk/commands"
    listed = talking.get(path).json["items"]
    assert [item["name"] for item in listed][:3] == ["facts", "exit", "echo"]
    assert talking.get("/api/v1/commands").json["items"][0]["integration"] in ("tap", "talk")
    answer = talking.post(path + "/echo", json.dumps({"input": "to you"}))
    assert answer.headers["content-type"] == "application/vnd.tenon.output"
    assert b"out 6\nto you" in answer.body and answer.body.endswith(b'end 10\n{"code":0}')
    assert talking.post(path + "/nix", "{}").status == 404
    for bad in ("[]", '{"args":[1]}', '{"args":"x"}', '{"width":-1}', '{"terminal":["x"]}', "{"):
        assert talking.post(path + "/echo", bad).status == 400, bad
    assert talking.post(path + "/echo/input?run=0", b"x").status == 404


def test_a_removed_integration_ends_its_commands(talking):
    process = start(talking, "talk", "steps")
    assert process.stdout.readline() == b"one\n"
    (talking.conf / "talk.ini").unlink()
    talking.cli("reload")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"stopped" in err, err
    assert descendants(talking.process.pid)
