# SPDX-License-Identifier: Apache-2.0
"""Files are listed and refused by reading them: none of their code runs for that, and each refusal
says what to do."""
import json
import os

import pytest
from daemon import QUICK_RETRY, TOP, build_plugin, wait_for

SENDER = TOP / "tests/e2e/plugins/sender.c"


@pytest.fixture
def plugins(tenon):
    path = tenon.folder / "plugins"
    path.mkdir(mode=0o755)
    tenon.host_ini(plugins=[path])
    return path


def listed(tenon):
    run = tenon.cli("plugin", "list", check=False)
    return run.stdout + run.stderr


def test_a_directory_that_is_not_there_is_told_of_and_hinders_nobody(tenon, plugins):
    build_plugin(SENDER, plugins / "sender.so")
    tenon.host_ini(plugins=[tenon.folder / "plugin", plugins])  # a slip of the pen
    told = "plugin directory '%s/plugin': No such file or directory" % tenon.folder
    for command in (("plugin", "list", "--offline"), ("config", "check")):
        run = tenon.cli(*command)
        assert told in run.stderr and told not in run.stdout
    assert "sender" in tenon.cli("plugin", "list", "--offline").stdout
    tenon.start()
    wait_for(lambda: "path=%s/plugin " % tenon.folder in tenon.log.read_text(), "a warning")


def test_a_constructor_does_not_run_for_looking(tenon, plugins):
    trace = tenon.folder / "ran"
    path = build_plugin(SENDER, plugins / "early.so", 'NAME="early"', 'CONSTRUCTOR="%s"' % trace)
    assert "early" in listed(tenon)
    assert "early" in tenon.cli("plugin", "inspect", path).stdout
    tenon.cli("config", "check")
    tenon.start()
    assert "early" in tenon.get("/api/v1/plugins").body.decode()
    assert not trace.exists()


def test_what_is_no_file_is_not_waited_for(tenon, plugins):
    os.mkfifo(plugins / "pipe.so")
    for path in (plugins / "pipe.so", "/dev/zero", plugins):
        run = tenon.cli("plugin", "inspect", path, check=False)
        assert run.returncode == 1 and "it is not a regular file" in run.stderr, run.stderr
    assert "pipe" in listed(tenon)


def test_another_abi_is_refused_with_both_versions(tenon, plugins):
    trace = tenon.folder / "ran"
    path = build_plugin(
        SENDER, plugins / "future.so", 'NAME="future"', "MAJOR=2", 'CONSTRUCTOR="%s"' % trace
    )
    tenon.ini("future", "[integration]\nplugin = future\nbase_url = http://127.0.0.1:9\n")
    for words in (
        tenon.cli("plugin", "inspect", path, check=False),
        tenon.cli("plugin", "list", check=False),
    ):
        text = words.stdout + words.stderr
        assert "2" in text and "1" in text and "ABI" in text.upper(), text
    run = tenon.cli("config", "check", check=False)
    assert run.returncode == 1 and "future" in run.stdout + run.stderr
    assert not trace.exists()


def test_truncated_files_are_refused(tenon, plugins):
    trace = tenon.folder / "ran"
    whole = build_plugin(
        SENDER, tenon.folder / "build" / "cut.so", 'NAME="cut"', 'CONSTRUCTOR="%s"' % trace
    ).read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        path = plugins / ("cut-%d.so" % (share * 100))
        path.write_bytes(whole[: int(len(whole) * share)])
        path.chmod(0o755)
        run = tenon.cli("plugin", "inspect", path, check=False)
        # Without its last tenth only section headers are missing, which nobody needs to load it.
        assert share == 0.9 or (
            run.returncode == 1 and "refused" in run.stdout + run.stderr
        ), "%s: %r" % (path.name, run)
    assert tenon.cli("plugin", "list", check=False).returncode == 0
    tenon.start()
    assert not trace.exists()


def test_foreign_files_are_not_ours(tenon, plugins):
    for name, content in (
        ("text.so", b"hello\n"),
        ("empty.so", b""),
        ("zeros.so", b"\0" * 8192),
        ("elf.so", b"\x7fELF" + b"\xff" * 500),
    ):
        (plugins / name).write_bytes(content)
        run = tenon.cli("plugin", "inspect", plugins / name, check=False)
        assert run.returncode == 1 and name in run.stdout + run.stderr, run
    import subprocess

    (plugins / "lib.c").write_text("int f(void) { return 1; }\n")
    subprocess.run(
        ["cc", "-shared", "-o", str(plugins / "library.so"), str(plugins / "lib.c")], check=True
    )
    run = tenon.cli("plugin", "inspect", plugins / "library.so", check=False)
    assert run.returncode == 1 and "library.so" in run.stdout + run.stderr
    tenon.start()
    assert tenon.get("/health").status == 200


def test_what_others_may_write_is_not_trusted(tenon, plugins, receiver):
    path = build_plugin(SENDER, plugins / "sender.so")
    for broken, mended, target in (
        (0o777, 0o755, path),
        (0o777, 0o755, plugins),
        (0o757, 0o755, tenon.folder),
    ):
        os.chmod(target, broken)
        run = tenon.cli("plugin", "list", check=False)
        text = run.stdout + run.stderr
        assert "not trusted" in text and "chmod" in text or "mkdir" in text, text
        os.chmod(target, mended)
    tenon.ini(
        "sender",
        "[integration]\nplugin = sender\nbase_url = %s\n%s" % (receiver.url(), QUICK_RETRY),
    )
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(
        lambda: receiver.stats()["records"] == 1, "a delivery by a plugin built outside the tree"
    )


def test_links_and_other_peoples_files_are_not_trusted(tenon, plugins, needs_root):
    path = build_plugin(SENDER, tenon.folder / "build" / "sender.so")
    (plugins / "link.so").symlink_to(path)
    assert "symbolic link" in listed(tenon)
    (plugins / "link.so").unlink()
    build_plugin(SENDER, plugins / "sender.so")
    os.chown(plugins / "sender.so", 12345, 12345)
    assert "12345" in listed(tenon) and "chown" in listed(tenon)


def test_two_files_of_one_name_are_both_refused(tenon, plugins):
    build_plugin(SENDER, plugins / "one.so", 'NAME="same"')
    build_plugin(SENDER, plugins / "two.so", 'NAME="same"', 'PLUGIN_VERSION="2.0"')
    text = listed(tenon)
    assert "one.so" in text and "two.so" in text and "same" in text
    tenon.ini("same", "[integration]\nplugin = same\nbase_url = http://127.0.0.1:9\n")
    assert tenon.cli("config", "check", check=False).returncode == 1


def test_a_pinned_digest_holds(tenon, plugins, receiver):
    import hashlib

    path = build_plugin(SENDER, plugins / "sender.so")
    text = "[integration]\nplugin = sender\nbase_url = %s\nsha256 = %s\n" + QUICK_RETRY
    tenon.ini("sender", text % (receiver.url(), "0" * 64))
    tenon.start()
    wait_for(
        lambda: tenon.integration("sender")["state"] not in ("starting", "active"), "the refusal"
    )
    assert "sha256" in json.dumps(tenon.integration("sender"))
    tenon.stop()
    tenon.ini("sender", text % (receiver.url(), hashlib.sha256(path.read_bytes()).hexdigest()))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: receiver.stats()["records"] == 1, "a delivery with the right pin")


def test_inspect_tells_what_is_in_a_plugin(tenon):
    path = next(path for path in (tenon.plugins).rglob("webhook.so"))
    shown = tenon.cli("plugin", "inspect", path).stdout
    for piece in ("webhook", "Apache-2.0", "method", "batch"):
        assert piece in shown, shown
    assert json.loads(tenon.cli("plugin", "inspect", path, "--json").stdout)["name"] == "webhook"
