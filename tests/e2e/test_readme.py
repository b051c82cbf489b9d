# SPDX-License-Identifier: Apache-2.0
"""What README.md shows is run as it stands there: the plugin, the compiler line, the ini, the
commands."""
import json
import re
import subprocess

import pytest
from daemon import BUILD, TOP, wait_for

README = (TOP / "README.md").read_text(encoding="utf-8")
GUIDE = (TOP / "host/README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, README, re.S | re.M)


@pytest.fixture
def greeter(tenon):
    plugins = tenon.folder / "plugins"
    plugins.mkdir(mode=0o755)
    (plugins / "greeter.c").write_text(blocks("c")[0])
    line = next(line for line in blocks("sh")[0].splitlines() if line.startswith("cc "))
    run = subprocess.run(
        line.replace("-Isdk", "-I%s/sdk" % TOP),
        shell=True,
        cwd=plugins,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    tenon.host_ini(plugins=[plugins])
    return plugins / "greeter.so"


def test_the_plugin_of_the_readme_delivers(tenon, receiver, greeter):
    shown = tenon.cli("plugin", "inspect", greeter).stdout
    assert "greeter" in shown and "Apache-2.0" in shown
    tenon.environment["CHAT_TOKEN"] = "a-token-of-ours"
    tenon.ini("greeter", blocks("ini")[0].replace("https://chat.example.com", receiver.url()))
    tenon.start()
    for line in blocks("sh")[1].splitlines():
        assert line.startswith("tenon ")
        run = subprocess.run(
            line.replace("tenon ", "%s/host/tenon " % BUILD, 1),
            shell=True,
            capture_output=True,
            text=True,
            env={
                "TENON_CONF": str(tenon.conf),
                "CHAT_TOKEN": "a-token-of-ours",
                "PATH": "/usr/bin:/bin",
            },
            check=False,
        )
        assert run.returncode == 0, "%s: %s%s" % (line, run.stdout, run.stderr)
    wait_for(lambda: receiver.stats()["records"] == 1, "the greeting")
    exchange = receiver.exchanges[0]
    assert (exchange["path"], json.loads(exchange["body"])) == ("/messages", {"text": "Open stage"})
    assert exchange["headers"]["authorization"] == "Bearer a-token-of-ours"


def test_the_ini_of_the_readme_is_good(tenon, greeter):
    tenon.environment["CHAT_TOKEN"] = "a-token-of-ours"
    tenon.ini("greeter", blocks("ini")[0])
    tenon.cli("config", "check")
    assert "plugin = greeter" in tenon.cli("config", "example", "greeter").stdout


def test_commands_named_in_the_readme_exist():
    usage = subprocess.run(
        [str(BUILD / "host/tenon"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    named = set(re.findall(r"(?:`|\$ |^    )tenon ([a-z]+(?: [a-z]+)?)", README + GUIDE, re.M)) | {
        match
        for block in blocks("sh")
        for match in re.findall(r"^tenon ([a-z]+(?: [a-z]+)?)", block, re.M)
    }
    assert named
    for command in named:
        words = command.split()
        is_example = (TOP / "examples" / words[0]).is_dir()  # an integration named so
        assert is_example or command in usage or words[0] in usage.split(), (
            "the docs name `tenon %s`" % command
        )


def test_paths_named_in_the_readme_exist():
    paths = re.compile(r"`((?:host|sdk|plugins|examples|conf\.d|tests)/[\w./]*)`")
    for path in paths.findall(README + GUIDE) + ["CONTRIBUTING.md", "LICENSE"]:
        if path == "conf.d/greeter.ini":
            continue  # the reader's own
        assert (TOP / path).exists(), "the docs name %s" % path
