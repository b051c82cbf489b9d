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


def build(tenon, source, name):
    """The block `source`, by the compiler line that is shown."""
    plugins = tenon.folder / "plugins"
    plugins.mkdir(mode=0o755)
    (plugins / (name + ".c")).write_text(source)
    line = next(line for line in blocks("sh")[0].splitlines() if line.startswith("cc "))
    line = line.replace("greeter", name)
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
    return plugins / (name + ".so")


@pytest.fixture
def greeter(tenon):
    return build(tenon, blocks("c")[0], "greeter")


def ini_of(name):
    return next(block for block in blocks("ini") if "plugin = %s\n" % name in block)


def test_the_plugin_of_the_readme_delivers(tenon, receiver, greeter):
    shown = tenon.cli("plugin", "inspect", greeter).stdout
    assert "greeter" in shown and "Apache-2.0" in shown
    tenon.environment["CHAT_TOKEN"] = "a-token-of-ours"
    tenon.ini("greeter", ini_of("greeter").replace("https://chat.example.com", receiver.url()))
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
    tenon.ini("greeter", ini_of("greeter"))
    tenon.cli("config", "check")
    assert "plugin = greeter" in tenon.cli("config", "example", "greeter").stdout


def test_the_function_command_and_page_of_the_readme_answer(tenon):
    build(tenon, blocks("c")[1], "desk")
    tenon.ini("desk", ini_of("desk"))
    tenon.start()
    wait_for(lambda: tenon.integration("desk")["state"] == "active", "desk")
    said = []
    for line in blocks("sh")[2].splitlines():
        line = re.sub("^tenon ", "%s/host/tenon " % BUILD, line)
        line = re.sub("^curl ", "curl -sSf ", line).replace("8642", str(tenon.port))
        run = subprocess.run(
            line,
            shell=True,
            capture_output=True,
            text=True,
            env={"TENON_CONF": str(tenon.conf), "PATH": "/usr/bin:/bin"},
            check=False,
        )
        assert run.returncode == 0, "%s: %s%s" % (line, run.stdout, run.stderr)
        said.append(run.stdout.strip())
    assert said[0].startswith("tenon call desk.area width=number height=number [rooms=integer]")
    assert said[1:] == ["15", "Hello, Ann", '{"result":7.5}', "Hello, Ann"]
    none = tenon.cli("call", "desk.area", *"width=1 height=1 rooms=0".split(), check=False)
    assert "1 to 100" in none.stderr
    asked = "[transform]\njq = {area: action(\"desk.area\"; {width: .w, height: .h})}\n"
    tenon.webhook("rooms", "http://127.0.0.1:9/", more=asked)
    tenon.cli("reload")
    tenon.add({"id": "r-1", "w": 3, "h": 2.5})
    shown = tenon.cli("submit", "rooms", "--entity", "r-1", "--dry-run").stdout
    assert '"area": 7.5' in shown


def test_commands_named_in_the_readme_exist():
    usage = subprocess.run(
        [str(BUILD / "host/tenon"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    named = set(re.findall(r"(?:`|\$ |^    )tenon ([a-z]+(?: [a-z]+)?)", README + GUIDE, re.M)) | {
        match
        for block in blocks("sh")
        for match in re.findall(r"^tenon ([a-z]+(?: [a-z]+)?)", block, re.M)
    }
    written = re.findall(r'^TENON_PLUGIN\("(\w+)"', README, re.M)
    assert named and written
    for command in named:
        words = command.split()
        # an integration named so
        is_example = (TOP / "examples" / words[0]).is_dir() or words[0] in written
        assert is_example or command in usage or words[0] in usage.split(), (
            "the docs name `tenon %s`" % command
        )


def test_paths_named_in_the_readme_exist():
    paths = re.compile(r"`((?:host|sdk|plugins|examples|conf\.d|tests)/[\w./]*)`")
    for path in paths.findall(README + GUIDE) + ["CONTRIBUTING.md", "LICENSE"]:
        if path in ("conf.d/greeter.ini", "conf.d/desk.ini"):
            continue  # the reader's own
        assert (TOP / path).exists(), "the docs name %s" % path
