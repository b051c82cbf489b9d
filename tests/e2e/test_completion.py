# SPDX-License-Identifier: Apache-2.0
"""The tab key in a real bash and a real zsh: commands, options and states from the table with no
daemon, names of integrations from conf.d or from the daemon, actions and arguments from it."""
import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from daemon import BUILD, PATIENCE, TOP, build_plugin, wait_for

NO_RECORDS = "\n[select]\nselector = none\n"
CALCULATOR = "[integration]\nplugin = calculator\n" + NO_RECORDS
SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set completion-query-items 0'; bind 'set page-completions off';"
        " bind 'set enable-bracketed-paste off'; source <(tenon completion bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "bindkey -e; unsetopt zle_bracketed_paste; zstyle ':completion:*' list-prompt '';"
        " autoload -Uz compinit; compinit -u -D; source <(tenon completion zsh)",
    ),
}


class Shell:
    """A shell at a terminal of its own."""

    def __init__(self, kind, tenon):
        command, setup = SHELLS[kind]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(tenon.folder)
            path = "%s:%s" % (BUILD / "host", os.environ["PATH"])
            os.execvpe(
                command[0],
                command,
                {
                    "PATH": path,
                    "HOME": str(tenon.folder),
                    "TERM": "dumb",
                    "PS1": "",
                    "LC_ALL": "C.UTF-8",
                    "COLUMNS": "200",
                    "TENON_CONF": str(tenon.conf),
                },
            )
        self.type("stty -echo\n%s\n" % setup)
        self.type("PS1=; echo rea''dy\n")
        self.read_until(r"ready")

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern):
        seen = ""
        deadline = time.monotonic() + 30 * PATIENCE
        while not re.search(pattern, seen):
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], "saw only %r" % seen
            seen += os.read(self.fd, 65536).decode(errors="replace")
        return seen

    def line(self, typed):
        """What the line is after `typed`, tab keys included: the shell itself prints it."""
        self.type(typed + "\x01printf '<%s>' \x05\n")
        found = re.search(r"(?<!')<tenon>(.*)", self.read_until(r"(?<!')<tenon>(<[^>\r\n]*>)*"))
        return re.findall(r"<([^>]*)>", found.group(0))

    def listed(self, typed, *names):
        """Types, and waits for a list that shows all the names."""
        self.type(typed + "\t\t")
        seen = ""
        for name in names:
            if name not in seen:
                seen += self.read_until(re.escape(name))
        self.type("\x15\x03")
        return seen

    def close(self):
        os.close(self.fd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=sorted(SHELLS))
def shell(request, tenon):
    if shutil.which(request.param) is None:
        pytest.skip("%s is not installed" % request.param)
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    tenon.host_ini(plugins=[more])
    tenon.ini("reckoner", CALCULATOR)
    opened = Shell(request.param, tenon)
    yield opened
    opened.close()


def test_words_of_the_table_without_a_daemon(shell):
    assert shell.line("tenon integ\t") == ["tenon", "integration"]
    assert shell.line("tenon integration sh\t") == ["tenon", "integration", "show"]
    assert shell.line("tenon submission list --st\tfa\t") == [
        "tenon",
        "submission",
        "list",
        "--state",
        "failed",
    ]
    assert shell.line("tenon submission list --state=supers\t") == [
        "tenon",
        "submission",
        "list",
        "--state=superseded",
    ]
    assert shell.line("tenon completion z\t") == ["tenon", "completion", "zsh"]
    assert shell.line("tenon integration manage reckoner sy\t")[-1] == "sync"
    assert shell.line("tenon token create shop --scope su\t")[-1] == "submit"


def test_lists_what_a_group_has(shell):
    shell.listed("tenon store ", "backup", "check", "compact")


def test_names_from_the_files_without_a_daemon(shell):
    assert shell.line("tenon integration show rec\t") == [
        "tenon",
        "integration",
        "show",
        "reckoner",
    ]
    assert shell.line("tenon config example calc\t") == ["tenon", "config", "example", "calculator"]


def test_a_file_where_a_file_goes(shell, tenon):
    (tenon.folder / "records.ndjson").write_text("{}\n")
    assert shell.line("tenon entity import recor\t") == [
        "tenon",
        "entity",
        "import",
        "records.ndjson",
    ]


def test_actions_and_their_arguments_from_the_daemon(shell, tenon):
    tenon.start()
    wait_for(lambda: tenon.integration("reckoner")["state"] == "active", "reckoner")
    tenon.cli("token", "create", "till-7", "--scope", "read")
    assert shell.line("tenon token revoke ti\t") == ["tenon", "token", "revoke", "till-7"]
    assert shell.line("tenon call reckoner.conv\t") == ["tenon", "call", "reckoner.convert"]
    # no blank behind the equals sign: the value is typed at once
    assert shell.line("tenon call reckoner.convert va\t100 fr\tcels\t") == [
        "tenon",
        "call",
        "reckoner.convert",
        "value=100",
        "from=celsius",
    ]


def test_integrations_with_commands_and_those_from_the_daemon(shell, tenon):
    build_plugin(TOP / "examples/wordcount/wordcount.c", tenon.folder / "more/wordcount.so")
    tenon.ini("letters", "[integration]\nplugin = wordcount\n" + NO_RECORDS)
    tenon.start()
    wait_for(lambda: tenon.integration("letters")["state"] == "active", "letters")
    assert shell.line("tenon lett\tcou\t") == ["tenon", "letters", "count"]
    assert shell.line("tenon integration run lett\tcou\t") == [
        "tenon",
        "integration",
        "run",
        "letters",
        "count",
    ]


def test_both_are_installed_where_the_shells_look(tmp_path):
    run = subprocess.run(
        ["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"],
        env={**os.environ, "DESTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    for place in ("bash-completion/completions/tenon.bash", "zsh/site-functions/_tenon"):
        assert any(name.endswith("share/" + place) for name in found), place
