# SPDX-License-Identifier: Apache-2.0
"""The daemon and `tenon config` say what is wrong, where, with a stable code, for all files at
once; a bad file stops nobody else."""
import contextlib
import json
import os
import re

import pytest
from daemon import BUILD, run_check, wait_for

COMPLAINT = re.compile(r"^\S+\.ini(:\d+)?: .*\bC\d{3}\b|\bC\d{3}\b.*\.ini", re.M)


def test_all_errors_of_all_files_are_shown_with_their_lines(tenon):
    tenon.ini(
        "first",
        "[integration]\nplugin = webhook\nbase_url = http://127.0.0.1:1\n"
        "[retry]\nmax_attempts = three\n"
        "bass = 1s\n[settings]\npath = /x\n",
    )
    tenon.ini("second", "[integration]\nplugin = webhok\n[selekt]\ntype = event\n")
    status, words = run_check(tenon.conf)
    assert status == 1, words
    for piece in (
        "first.ini:5",
        "'three'",
        "first.ini:6",
        "base",
        "second.ini:2",
        "webhook",
        "second.ini:3",
        "select",
    ):
        assert piece in words, "%s is not said:\n%s" % (piece, words)
    assert len(re.findall(r"\bC\d{3}\b", words)) >= 4, words
    run = tenon.cli("config", "check", check=False)
    assert run.returncode == 1 and "first.ini:5" in run.stdout + run.stderr


def test_a_good_folder_is_said_to_be_good(tenon):
    assert run_check(tenon.conf) == (0, "1 file, 0 errors\n")
    tenon.webhook("hooks", "http://127.0.0.1:1/x")
    assert run_check(tenon.conf) == (0, "2 files, 0 errors\n")
    assert tenon.cli("config", "check").stdout == "1 integration, 0 errors, 0 warnings\n"
    assert json.loads(tenon.cli("config", "check", "--json").stdout) == {
        "integrations": 1,
        "errors": 0,
        "warnings": 0,
        "messages": [],
    }


def test_one_is_not_told_as_many(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.submissions(state="succeeded"), "the delivery")
    shown = tenon.cli("integration", "show", "hooks").stdout
    assert re.search(r"^worker .*, 1 start, 0 crashes, [0-9,]+ calls?$", shown, re.M), shown
    assert re.search(r"^since start .*\b1 request$", shown, re.M), shown


def test_what_would_keep_it_from_starting_is_found_before(tenon):
    key = tenon.folder / "key.pem"
    key.write_text("no key\n")
    key.chmod(0o644)
    tls = "tls_certificate = %s\ntls_key = %s\n" % (key, key)
    for more, words in (
        ({"api": "socket_scope = bogus\n"}, "[api] socket_scope: scope 'bogus' is not read"),
        ({"api": "without_token = bogus\n"}, "[api] without_token: scope 'bogus' is not read"),
        ({"api": "socket_group = nosuchgroup\n"}, "there is no group 'nosuchgroup'"),
        ({"api": "socket_users = nosuchuser\n"}, "there is no user 'nosuchuser'"),
        ({"api": tls}, "has mode 0644, which lets others at it"),
        ({"api": tls.replace("key.pem", "none.pem")}, "none.pem"),
        ({"store_url": "bogus:x"}, "expected sqlite:PATH or memory:"),
    ):
        tenon.host_ini(**more)
        status, said = run_check(tenon.conf)
        assert status == 1 and words in said and "0 errors" not in said, said
        tenon.start(wait=False)
        assert tenon.process.wait(20) == 1
        assert words in tenon.log_text(), tenon.log_text()
    tenon.host_ini()
    assert run_check(tenon.conf)[0] == 0


def test_a_bad_file_does_not_keep_its_neighbour_from_work(tenon, receiver):
    tenon.webhook("good", receiver.url("/in"))
    tenon.ini("bad", "[integration]\nplugin = webhook\nbase_url = not a url\n")
    tenon.start(wait=False)

    def has_decided():
        with contextlib.suppress(OSError):  # the file is there before anybody listens
            return tenon.process.poll() is not None or tenon.get("/health").status > 0

    wait_for(has_decided, "the daemon to decide")
    if tenon.process.poll() is None:
        tenon.add({"id": "evt-1"})
        wait_for(lambda: receiver.stats()["records"] == 1, "the good one's delivery")
        assert tenon.get("/api/v1/integrations/bad").body
    else:  # refusing to start is an answer too, as long as it says why
        assert "bad.ini:3" in tenon.log_text()


def test_an_integration_with_nowhere_to_go_does_not_start(tenon, receiver):
    """Else each record would be parked for good, for want of one line."""
    tenon.ini("hooks", "[integration]\nplugin = webhook\n")
    tenon.start(wait=False)
    wait_for(lambda: tenon.log_text().count("integration not started"), "its refusal")
    tenon.add({"id": "evt-1"})
    shown = tenon.integration("hooks")
    assert shown["state"] == "failed" and "set [integration] base_url" in shown["words"], shown
    tenon.webhook("hooks", receiver.url("/in"))
    wait_for(lambda: receiver.stats()["records"] == 1, "what came before the mending")


GARBAGE = {
    "zeros": b"\0" * 5000,
    "random": bytes(range(256)) * 40,
    "long line": b"[integration]\nplugin = " + b"x" * 2000000,
    "no section": b"plugin = webhook\n",
    "unclosed": b"[integration\nplugin = webhook\n",
    "empty": b"",
    "many sections": b"".join(b"[s%d]\nk = v\n" % n for n in range(20000)),
    "utf-16": "[integration]".encode("utf-16"),
    "bad utf-8": b"[integration]\nplugin = \xff\xfe\n",
    "twice": b"[integration]\nplugin = webhook\n" * 2,
    "references": b"[integration]\nplugin = webhook\nbase_url = ${env:${env:A}}\n",
    "loop": b"[integration]\nplugin = ${file:/dev/zero}\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ini_files_are_refused_with_words(tenon, name):
    (tenon.conf / "garbage.ini").write_bytes(GARBAGE[name])
    status, words = run_check(tenon.conf)
    assert status == 1, "%s: %s" % (name, words)
    assert "garbage.ini" in words, words[:2000]
    assert len(words) < 10_000_000 and "\0" not in words


def test_odd_file_names_are_told(tenon):
    (tenon.conf / "Bad Name!.ini").write_text("[integration]\nplugin = webhook\n")
    status, words = run_check(tenon.conf)
    assert status == 1 and "Bad Name" in words


def test_a_folder_that_is_not_there_is_told(tmp_path):
    status, words = run_check(tmp_path / "nothing")
    assert status != 0 and "nothing" in words


def test_plain_secrets_are_refused_and_references_work(tenon, receiver):
    plain = "[auth]\ntype = bearer\ntoken = hunter2-hunter2\n"
    tenon.webhook("hooks", receiver.url("/in"), more=plain)
    status, words = run_check(tenon.conf)
    assert status == 1 and "${env:" in words and "hunter2" not in words, words
    secret_file = tenon.folder / "token"
    secret_file.write_text("from-a-file\n")
    secret_file.chmod(0o600)
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        more="[auth]\ntype = bearer\ntoken = ${file:%s}\n" % secret_file,
    )
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: receiver.stats()["records"] == 1, "the delivery")
    assert receiver.exchanges[0]["headers"]["authorization"] == "Bearer from-a-file"


def test_disabled_is_known_and_silent(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    path = tenon.conf / "hooks.ini"
    path.write_text(path.read_text().replace("[integration]\n", "[integration]\nenabled = no\n"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    assert tenon.integration("hooks")["state"] == "disabled"
    assert receiver.stats()["requests"] == 0


def test_programs_explain_themselves():
    import subprocess

    for program in ("tenond", "tenon"):
        run = subprocess.run(
            [str(BUILD / "host" / program), "--help"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert run.returncode == 0 and len(run.stdout) > 100, program
        run = subprocess.run(
            [str(BUILD / "host" / program), "--nonsense"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert run.returncode == 2 and "nonsense" in run.stderr, program


@pytest.mark.parametrize("words", [["--help"], ["entity"], ["tap", "--help"], ["help", "signal"]])
def test_help_fits_the_terminal(tenon, words):
    tenon.environment["COLUMNS"] = "60"
    run = tenon.cli(*words, check=False)
    text = run.stdout + run.stderr
    assert max(len(line) for line in text.splitlines()) <= 60
    del tenon.environment["COLUMNS"]
    run = tenon.cli(*words, check=False)
    assert text.split() == (run.stdout + run.stderr).split()  # nothing of it is lost


def test_daemon_not_reachable_is_status_3(tenon):
    run = tenon.cli("status", check=False)
    assert run.returncode == 3, run
    assert str(tenon.socket) in run.stderr and "tenond" in run.stderr


def test_socket_is_private(tenon):
    tenon.start()
    assert os.stat(tenon.socket).st_mode & 0o077 == 0
