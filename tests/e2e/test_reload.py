# SPDX-License-Identifier: Apache-2.0
"""Integrations and plugins are added, replaced, broken, mended and removed under a running load:
nothing is lost, versions of an entity arrive in order, and what did not change notices nothing."""
import json
import os
import re
import shutil
import signal
import threading

import pytest
from daemon import QUICK_RETRY, SANITIZED, TOP, build_plugin, wait_for

VERSIONED = TOP / "tests/e2e/plugins/versioned.c"


@pytest.fixture(autouse=True)
def ends_in_order(tenon):
    """Whatever was replaced and thrown away, the end is clean; a sanitizer looks for leaks here."""
    yield
    if tenon.is_running():
        assert tenon.stop() == 0


class Load:
    """Posts new versions of a few entities, one after the other, until it is told to stop."""

    def __init__(self, tenon, entities=40):
        self.tenon = tenon
        self.entities = entities
        self.sent = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.failure = None

    def run(self):
        try:
            while not self.ending.is_set():
                rows = [
                    {"id": "e-%d" % (number % self.entities), "n": number}
                    for number in range(self.sent, self.sent + 20)
                ]
                self.tenon.add(*rows)
                self.sent += len(rows)
                self.ending.wait(0.01)
        except Exception as error:  # shown by the test that waits
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        assert self.failure is None, self.failure

    def last(self):
        """entity -> the number that its last version carries."""
        found = {}
        for number in range(self.sent):
            found["e-%d" % (number % self.entities)] = number
        return found


def taken(receiver):
    """What was accepted, in order: (path, record)."""
    with receiver.lock:
        return [
            (one["path"], json.loads(one["body"]))
            for one in receiver.exchanges
            if one.get("answer") == 200
        ]


def arrived(receiver, load, path=""):
    """Every entity's last version came, and no older one after a newer one."""
    latest = {}
    for where, record in taken(receiver):
        if where.startswith(path):
            assert record["n"] >= latest.get(record["id"], -1), (record, latest[record["id"]])
            latest[record["id"]] = record["n"]
    return latest == load.last()


def paths(receiver):
    return {path for path, _ in taken(receiver)}


@pytest.fixture
def plugins(tenon):
    path = tenon.folder / "plugins"
    path.mkdir(mode=0o755)
    tenon.host_ini(plugins=[path])
    return path


def versioned(tenon, version, *defines):
    """A build of the plugin, not yet where tenond looks."""
    return build_plugin(
        VERSIONED,
        tenon.folder / "build" / ("versioned-%s.so" % version),
        'PLUGIN_VERSION="%s"' % version,
        *defines,
    )


def put(source, target):
    """As an installer does: beside it under another name, then into its place."""
    beside = target.with_name("." + target.name)
    shutil.copy(source, beside)
    beside.chmod(0o755)
    os.replace(beside, target)


def versioned_ini(tenon, name, receiver, more=""):
    tenon.ini(
        name,
        "[integration]\nplugin = versioned\nbase_url = %s\n[select]\nselector = changed\n%s%s"
        % (receiver.url(), QUICK_RETRY, more),
    )


def pid_of(tenon, name):
    return tenon.integration(name)["worker"].get("pid")


def reload(tenon, code=0):
    run = tenon.cli("reload", "--json", check=False)
    assert run.returncode == code, run.stdout + run.stderr
    answer = json.loads(run.stdout)
    return {
        os.path.basename(item["file"]): item
        for item in answer["items"]
        if item["change"] != "unchanged"
    }


def known(tenon):
    return {row["name"]: row for row in tenon.get("/api/v1/integrations").json["items"]}


def test_an_ini_is_added_changed_and_removed_under_load(tenon, receiver):
    tenon.webhook("stays", receiver.url("/stays"), select="selector = changed\n")
    tenon.start()
    worker = pid_of(tenon, "stays")
    with Load(tenon) as load:
        wait_for(lambda: load.sent > 200, "some load")
        tenon.webhook("comes", receiver.url("/one"), select="selector = changed\n")
        wait_for(lambda: "comes" in known(tenon), "the new integration")
        wait_for(lambda: "/one" in paths(receiver), "its records")
        tenon.webhook("comes", receiver.url("/two"), select="selector = changed\n")
        wait_for(lambda: "/two" in paths(receiver), "the changed path")
        sent = load.sent
        wait_for(lambda: load.sent > sent + 200, "more load")
        (tenon.conf / "comes.ini").unlink()
        wait_for(lambda: "comes" not in known(tenon), "the integration to go")
    wait_for(lambda: arrived(receiver, load, "/stays"), "all that stays")
    assert pid_of(tenon, "stays") == worker
    wait_for(lambda: "in_flight" not in tenon.states("comes"), "what it had in hand to end")
    assert set(tenon.states("comes")) <= {"succeeded", "superseded", "pending"}
    tenon.webhook("comes", receiver.url("/two"), select="selector = changed\n")
    wait_for(lambda: arrived(receiver, load, ("/one", "/two")), "the rest of what came and went")
    assert receiver.stats()["duplicates"] == 0


def test_a_broken_ini_changes_nothing_and_says_why(tenon, receiver):
    tenon.webhook("hook", receiver.url("/good"), select="selector = changed\n")
    good = (tenon.conf / "hook.ini").read_text()
    tenon.start()
    worker = pid_of(tenon, "hook")
    with Load(tenon) as load:
        wait_for(lambda: load.sent > 100, "some load")
        tenon.ini("hook", good.replace("max_attempts = 100", "max_attempts = many"))
        items = reload(tenon, code=1)
        assert items["hook.ini"]["change"] == "refused"
        assert "max_attempts: 'many' is not a number" in items["hook.ini"]["words"]
        row = tenon.integration("hook")
        assert row["state"] == "active" and row["worker"]["pid"] == worker
        assert row["words"].startswith("running the former configuration: "), row
        line = good[: good.index("max_attempts")].count("\n") + 1
        assert "hook.ini:%d: [retry] max_attempts" % line in row["words"]
        assert "former configuration" in tenon.cli("integration", "show", "hook").stdout
        assert "former" in tenon.cli("integration", "list").stdout
        metric = 'tenon_integration_former_configuration{integration="hook"} '
        assert metric + "1" in tenon.get("/metrics").body.decode()
        sent = load.sent
        wait_for(lambda: load.sent > sent + 100, "more load")
        tenon.ini("hook", good.replace("/good", "/mended"))
        wait_for(lambda: "/mended" in paths(receiver), "the mended ini to be taken by itself")
        assert "words" not in tenon.integration("hook")
        assert metric + "0" in tenon.get("/metrics").body.decode()
    wait_for(lambda: arrived(receiver, load), "everything")
    assert receiver.stats()["duplicates"] == 0


def test_comments_and_touching_change_nothing(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    worker = pid_of(tenon, "hook")
    text = (tenon.conf / "hook.ini").read_text()
    tenon.ini("hook", "; a word\n" + text)
    assert reload(tenon) == {}
    os.utime(tenon.plugins / "webhook.so")
    assert reload(tenon) == {}
    assert pid_of(tenon, "hook") == worker and tenon.integration("hook")["worker"]["starts"] == 1


def test_a_plugin_is_replaced_under_load(tenon, receiver, plugins):
    put(versioned(tenon, "1"), plugins / "versioned.so")
    versioned_ini(tenon, "a", receiver)
    versioned_ini(tenon, "b", receiver, "[headers]\nX-Of = b\n")
    tenon.webhook("other", receiver.url("/other"), select="selector = changed\n")
    tenon.start()
    other = pid_of(tenon, "other")
    first = pid_of(tenon, "a")
    assert pid_of(tenon, "b") == first
    with Load(tenon) as load:
        wait_for(lambda: "/version/1" in paths(receiver), "the first version")
        put(versioned(tenon, "2"), plugins / "versioned.so")
        wait_for(lambda: "/version/2" in paths(receiver), "the second version")
        wait_for(
            lambda: first not in (pid_of(tenon, "a"), pid_of(tenon, "b")), "both to move over"
        )
        assert pid_of(tenon, "a") == pid_of(tenon, "b")
        wait_for(lambda: first not in tenon.workers(), "the old worker to end")
        sent = load.sent
        wait_for(lambda: load.sent > sent + 200, "more load")
    wait_for(lambda: arrived(receiver, load, "/other"), "what goes elsewhere")
    for name in "ab":
        states = wait_for(
            lambda name=name: not {"pending", "in_flight", "retrying"} & set(tenon.states(name)),
            "%s to be through" % name,
        )
        assert states
    assert pid_of(tenon, "other") == other
    assert tenon.integration("other")["worker"]["starts"] == 1
    assert {row["state"] for row in tenon.submissions(integration="a")} <= {
        "succeeded",
        "superseded",
    }


@pytest.mark.parametrize("isolation", ["worker", "inprocess"])
def test_a_half_copied_plugin_is_waited_for(tenon, receiver, plugins, isolation):
    """Copied over in place, as `cp` does: the running code is not torn, the half is no error."""
    target = plugins / "versioned.so"
    put(versioned(tenon, "1"), target)
    versioned_ini(tenon, "hook", receiver)
    ini = tenon.conf / "hook.ini"
    ini.write_text(ini.read_text().replace("[select]", "isolation = %s\n[select]" % isolation))
    tenon.start()
    bytes_ = versioned(tenon, "2").read_bytes()
    with Load(tenon) as load:
        wait_for(lambda: "/version/1" in paths(receiver), "the first version")
        with open(target, "wb") as file:
            for share in range(8):
                file.write(bytes_[len(bytes_) * share // 8 : len(bytes_) * (share + 1) // 8])
                file.flush()
                seen = len(taken(receiver))
                wait_for(lambda seen=seen: len(taken(receiver)) > seen, "the load to go on")
        wait_for(lambda: "/version/2" in paths(receiver), "the whole file to be taken")
    wait_for(lambda: arrived(receiver, load), "everything")
    assert receiver.stats()["duplicates"] == 0
    worker = tenon.integration("hook")["worker"]
    assert worker["crashes"] == 0
    assert "refused" not in tenon.log_text()


def test_a_broken_plugin_in_between_is_refused_and_the_old_one_goes_on(tenon, receiver, plugins):
    target = plugins / "versioned.so"
    put(versioned(tenon, "1"), target)
    versioned_ini(tenon, "hook", receiver)
    tenon.host_ini(plugins=[plugins], host="watch = no\n")  # each look is asked for
    tenon.start()
    first = pid_of(tenon, "hook")
    with Load(tenon) as load:
        wait_for(lambda: "/version/1" in paths(receiver), "the first version")
        whole = versioned(tenon, "2").read_bytes()
        target.write_bytes(whole[: len(whole) // 2])
        items = reload(tenon, code=1)
        assert items["versioned.so"]["change"] == "refused"
        assert "cut short" in items["versioned.so"]["words"]
        assert items["hook.ini"]["change"] == "refused"
        row = tenon.integration("hook")
        assert row["state"] == "active" and "former configuration" in row["words"], row
        assert row["worker"]["pid"] == first
        # It even starts again, from what it was.
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: pid_of(tenon, "hook") not in (0, None, first), "a new worker")
        sent = load.sent
        wait_for(lambda: load.sent > sent + 100, "more load")
        # One that is whole and does not want to.
        put(versioned(tenon, "3", "REFUSES"), target)
        items = reload(tenon, code=1)
        assert "version 3 does not want to" in items["hook.ini"]["words"], items
        assert tenon.integration("hook")["state"] == "active"
        put(versioned(tenon, "4"), target)
        assert reload(tenon)["hook.ini"]["change"] == "replaced"
        wait_for(lambda: "/version/4" in paths(receiver), "the mended version")
    wait_for(lambda: arrived(receiver, load), "everything")
    assert paths(receiver) == {"/version/1", "/version/4"}


def test_a_plugin_removed_while_in_use_serves_on(tenon, receiver, plugins):
    put(versioned(tenon, "1"), plugins / "versioned.so")
    versioned_ini(tenon, "hook", receiver)
    tenon.host_ini(plugins=[plugins], host="watch = no\n")
    tenon.start()
    (plugins / "versioned.so").unlink()
    items = reload(tenon, code=1)
    assert items["versioned.so"]["change"] == "removed"
    assert "there is no plugin 'versioned'" in items["hook.ini"]["words"]
    with Load(tenon) as load:
        wait_for(lambda: load.sent > 100, "some load")
    wait_for(lambda: arrived(receiver, load), "everything")
    assert "former one goes on" in tenon.log_text()
    (tenon.conf / "hook.ini").unlink()
    assert reload(tenon)["hook.ini"]["change"] == "removed"
    assert "hook" not in known(tenon)
    wait_for(lambda: not tenon.workers(), "its worker to end")


def test_watch_can_be_turned_off_and_sighup_looks(tenon, receiver):
    tenon.host_ini(host="watch = no\n")
    tenon.start()
    tenon.webhook("hook", receiver.url("/"))
    tenon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "hook" in known(tenon), "SIGHUP to be followed")
    (tenon.conf / "hook.ini").unlink()
    items = reload(tenon)
    assert items["hook.ini"]["change"] == "removed"


AGES = ["keep_succeeded", "keep_failed", "keep_skipped", "keep_superseded", "keep_signals",
        "keep_entities"]  # fmt: skip


def test_settings_of_tenon_ini_change_live_or_say_so(tenon, receiver):
    tenon.host_ini(host="watch = no\n")
    tenon.start()
    ages = "".join("%s = 3d\n" % name for name in AGES)
    tenon.host_ini(host="watch = no\n", store=ages + "\n[mcp]\naccess = off\n")
    reload(tenon)
    told = re.findall(r'msg="setting changed(.*?)".* key=(\w+)', tenon.log_text())
    assert sorted(told) == [("", name) for name in sorted([*AGES, "access"])]
    tenon.host_ini(host="watch = no\n", log="level = warn\n", store="cache = 8MB\n")
    items = reload(tenon)
    assert items["tenon.ini"]["change"] == "replaced"
    log = tenon.log_text()
    assert "needs a restart" in log and "key=cache" in log, log[-2000:]
    before = tenon.log_text()
    tenon.host_ini(host="watch = no\n", log="level = nonsense\n", store="cache = 8MB\n")
    items = reload(tenon, code=1)
    assert items["tenon.ini"]["change"] == "refused"
    assert "level" in tenon.log_text()[len(before) :]


def descriptors(pid):
    """What they stand for. The store opens its files once more when its log first grows long."""
    folder = "/proc/%d/fd" % pid
    found = []
    for name in os.listdir(folder):
        try:
            found.append(os.readlink(os.path.join(folder, name)))
        except FileNotFoundError:
            pass  # closed since
    return [name for name in found if "/tenon.db" not in name]


def test_a_reload_leaks_nothing(tenon, receiver, plugins):
    """A hundred times another ini and another plugin: workers, descriptors and memory stay."""
    builds = [versioned(tenon, "1"), versioned(tenon, "2")]
    put(builds[0], plugins / "versioned.so")
    versioned_ini(tenon, "hook", receiver)
    tenon.webhook("other", receiver.url("/other"))
    tenon.host_ini(plugins=[plugins], host="watch = no\n")
    tenon.start()

    def rounds(count):
        for number in range(count):
            put(builds[number % 2], plugins / "versioned.so")
            versioned_ini(tenon, "hook", receiver, "[headers]\nX-Round = %d\n" % number)
            tenon.add({"id": "r-%d" % number})
            assert reload(tenon)["hook.ini"]["change"] == "replaced"
        wait_for(lambda: len(tenon.workers()) == 2, "the old workers to end")
        pid = tenon.process.pid
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
            kilobytes = next(int(line.split()[1]) for line in file if line.startswith("Pss_Anon"))
        return descriptors(pid), kilobytes

    rounds(120)  # memory comes in steps until each kind of it was needed once
    before, kilobytes = rounds(20)
    after, after_kilobytes = rounds(100)
    assert len(after) <= len(before) + 2, (before, after)
    if not SANITIZED:  # a sanitizer keeps what is freed
        assert after_kilobytes <= kilobytes + 512, (kilobytes, after_kilobytes)


def test_a_plugin_that_comes_after_its_ini_is_taken(tenon, receiver, plugins):
    versioned_ini(tenon, "hook", receiver)
    tenon.start()
    assert "there is no plugin 'versioned'" in tenon.integration("hook")["words"]
    tenon.add({"id": "one"})
    put(versioned(tenon, "1"), plugins / "versioned.so")
    wait_for(lambda: tenon.integration("hook")["state"] == "active", "the plugin to be noticed")
    wait_for(lambda: "/version/1" in paths(receiver), "what waited")


def test_a_mended_plugin_leaves_quarantine_at_once(tenon, receiver, plugins):
    put(versioned(tenon, "1", "CRASHES"), plugins / "versioned.so")
    versioned_ini(tenon, "hook", receiver)
    tenon.start()
    rows = [{"id": "c-%d" % number} for number in range(20)]
    tenon.add(*rows)
    wait_for(lambda: tenon.integration("hook")["state"] == "quarantined", "quarantine", timeout=60)
    crashes = tenon.integration("hook")["worker"]["crashes"]
    tenon.cli("integration", "activate", "hook")  # tried once more by hand, and no better
    tenon.add(*({"id": "d-%d" % number} for number in range(20)))
    wait_for(
        lambda: tenon.integration("hook")["state"] == "quarantined"
        and tenon.integration("hook")["worker"]["crashes"] > crashes,
        "quarantine again",
        timeout=60,
    )
    put(versioned(tenon, "2"), plugins / "versioned.so")
    wait_for(lambda: tenon.integration("hook")["state"] == "active", "the mended build")
    tenon.cli("submit", "hook", "--selector", "failed")
    wait_for(lambda: len(taken(receiver)) == 40, "every record", timeout=60)
    assert paths(receiver) == {"/version/2"}


def test_an_ini_that_is_written_in_pieces_is_no_error(tenon, receiver):
    tenon.webhook("hook", receiver.url("/one"), select="selector = changed\n")
    text = (tenon.conf / "hook.ini").read_text()
    tenon.start()
    with Load(tenon) as load, open(tenon.conf / "hook.ini", "w", encoding="utf-8") as file:
        for piece in text.replace("/one", "/two").splitlines(keepends=True):
            file.write(piece[: len(piece) // 2])
            file.flush()
            seen = len(taken(receiver))
            wait_for(lambda seen=seen: len(taken(receiver)) > seen + 3, "the load to go on")
            file.write(piece[len(piece) // 2 :])
            file.flush()
        wait_for(lambda: "/two" in paths(receiver), "the whole ini to be taken")
    wait_for(lambda: arrived(receiver, load), "everything")
    assert paths(receiver) == {"/one", "/two"}


def test_one_that_is_slow_to_open_holds_up_nobody(tenon, receiver, plugins):
    gate = plugins / "open"  # beside the plugin, where a worker may look
    put(versioned(tenon, "1"), plugins / "versioned.so")
    versioned_ini(tenon, "slow", receiver)
    tenon.webhook("quick", receiver.url("/one"), select="selector = changed\n")
    tenon.start()
    with Load(tenon) as load:
        wait_for(lambda: "/version/1" in paths(receiver), "the first version")
        put(versioned(tenon, "2", 'WAITS_FOR="%s"' % gate), plugins / "versioned.so")
        wait_for(lambda: len(tenon.workers()) == 3, "the second version to begin")
        tenon.webhook("quick", receiver.url("/two"), select="selector = changed\n")
        wait_for(lambda: "/two" in paths(receiver), "another change meanwhile")
        answer = []
        asks = threading.Thread(target=lambda: answer.append(reload(tenon)))
        asks.start()
        under_way = "\ntenon_api_requests_under_way "

        def is_under_way():
            """This question is one, and the producer, the only other, is not always at one."""
            told = (tenon.get("/metrics").body.decode().split(under_way)[1] for _ in range(20))
            return all(int(count.split()[0]) >= 2 for count in told)

        wait_for(is_under_way, "the question to be under way")
        seen = len([one for one in taken(receiver) if one[0] == "/version/1"])
        wait_for(
            lambda: len([one for one in taken(receiver) if one[0] == "/version/1"]) > seen + 20,
            "the first version to serve on",
        )
        assert "/version/2" not in paths(receiver) and not answer
        gate.write_text("")
        wait_for(lambda: "/version/2" in paths(receiver), "the second version")
        asks.join()
        assert answer[0]["slow.ini"]["change"] == "replaced"
    wait_for(lambda: arrived(receiver, load, "/version"), "everything of the slow one")
    wait_for(lambda: arrived(receiver, load, ("/one", "/two")), "everything of the quick one")


def test_a_plugin_that_holds_a_file_hands_it_over(tenon):
    """The archive locks its file: the new lane begins when the old one let go, so nobody fails."""
    folder = tenon.folder / "kept"
    folder.mkdir()

    def ini(number):
        tenon.ini(
            "keep",
            "[integration]\nplugin = archive\nallow_paths = %s\n[select]\nselector = changed\n"
            "[metadata]\nround = %d\n[settings]\ndirectory = %s\n" % (folder, number, folder),
        )

    def lines():
        return [
            json.loads(line)
            for file in folder.iterdir()
            for line in file.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]

    ini(0)
    tenon.start()
    with Load(tenon) as load:
        for number in range(1, 9):
            ini(number)
            reload(tenon)
            seen = len(lines())
            wait_for(lambda seen=seen: len(lines()) > seen, "the archive to go on")
    wait_for(
        lambda: {row["id"]: row["n"] for row in lines()} == load.last(), "every last version"
    )
    latest = {}
    for row in lines():
        assert row["n"] > latest.get(row["id"], -1), (row, latest[row["id"]])
        latest[row["id"]] = row["n"]
    assert "another integration" not in tenon.log_text()


@pytest.mark.parametrize("how", ["changed", "switched", "removed"])
def test_a_successor_waits_until_the_former_one_let_go(tenon, plugins, how):
    """Also when there was none in between, and where each integration has a thread of its own and
    the former one is slow to end."""
    build_plugin(TOP / "tests/e2e/plugins/holder.c", plugins / "holder.so")
    tenon.host_ini(plugins=[plugins], host="watch = no\n")

    def ini(number):
        tenon.ini(
            "keep",
            "[integration]\nplugin = holder\n[select]\nselector = changed\n"
            "[metadata]\nround = %d\n" % number,
        )

    def delivered():
        return tenon.integration("keep")["submissions"].get("succeeded", 0)

    ini(0)
    tenon.start()
    with Load(tenon) as load:
        for number in range(1, 4):
            seen = delivered()
            wait_for(lambda seen=seen: delivered() > seen, "it to take records")
            if how == "switched":
                tenon.cli("integration", "deactivate", "keep")
                tenon.cli("integration", "activate", "keep")
                continue
            if how == "removed":
                (tenon.conf / "keep.ini").unlink()
                assert reload(tenon)["keep.ini"]["change"] == "removed"
            ini(number)
            change = "added" if how == "removed" else "replaced"
            assert reload(tenon)["keep.ini"]["change"] == change
    wait_for(lambda: tenon.integration("keep")["backlog"] == 0, "the rest")
    over = {"succeeded", "superseded"}  # some versions were overtaken while they waited
    wait_for(lambda: set(tenon.integration("keep")["submissions"]) <= over, "its verdicts")
    assert "held by another" not in tenon.log_text()


def test_names_that_are_no_configuration_are_left_alone(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    for name in ("hook.ini~", ".hook.ini.swp", "#hook.ini#", "hook.ini.dpkg-new", ".new.ini"):
        (tenon.conf / name).write_text("[nonsense]\n")
    assert reload(tenon) == {}
    assert set(known(tenon)) == {"hook"}
