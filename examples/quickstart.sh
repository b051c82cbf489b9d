#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to delivered records, in one command on a bare Debian 12: installs what is
# missing, builds, starts tenond on a fresh store, imports 1,143 real records, delivers each to a
# webhook receiver and to a file archive, breaks the receiver half-way, shows the recovery, and
# imports again to show that nothing changes.
#   examples/quickstart.sh          ends by itself, everything stopped and cleaned up
#   examples/quickstart.sh --stay   leaves daemon and receiver running until Ctrl-C
set -euo pipefail
umask 022

stay=no
case "${1:-}" in
"") ;;
--stay) stay=yes ;;
*)
    sed -n '3,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

top=$(cd -P "$(dirname "$0")/.." && pwd)
records=$top/examples/conferences.ndjson
total=$(wc -l <"$records")
half=$((total / 2))
work=$(mktemp -d "${TMPDIR:-/tmp}/tenon-quickstart.XXXXXX")
daemon=""
receiver=""
interrupted=130

finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM # whoever is impatient leaves nothing behind either
    for pid in $daemon $receiver; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    if [ $status != 0 ] && [ $status != $interrupted ]; then
        echo
        echo "quickstart: it did not work; the last lines of tenond's log:" >&2
        tail -n 20 "$work/tenond.log" >&2 2>/dev/null || true
        echo "quickstart: everything is kept in $work" >&2
    else
        rm -rf "$work"
    fi
    exit $status
}
trap finish EXIT
trap 'exit $interrupted' INT TERM

step() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}
show() {
    printf '$ %s\n' "$*"
    "$@"
}

# wait_until SECONDS WHAT COMMAND...: asks until the command says yes.
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $deadline ]; then
            echo "quickstart: waited too long for $what" >&2
            return 1
        fi
        sleep 0.1
    done
}

ask() { "$top/examples/receiver.py" --ask "http://127.0.0.1:$port/__$1" ${2:+--field "$2"}; }
receiver_has() { [ "$(ask stats "$1")" -ge "$2" ]; }
# Has the daemon itself written down so many successes of an integration?
has_succeeded() {
    tenon integration show "$1" --json | python3 -c '
import json, sys
sys.exit(json.load(sys.stdin)["submissions"].get("succeeded", 0) < int(sys.argv[1]))' "$2"
}
archived() { cat "$work"/archive/* 2>/dev/null | wc -l; }
archive_has() { [ "$(archived)" -ge "$1" ]; }

step "1. Install what is missing, and build"
cd "$top"
tests/deps.sh run
echo "building (release, without tests) ..."
prefix=$(tests/install.sh build-release "$work/root" | tail -n 1)
PATH=$prefix/bin:$PATH
echo "installed below $prefix: $(ls "$prefix/bin" | xargs)"

step "2. A receiver that checks signatures by its own code"
secret=whsec_$(head -c 24 /dev/urandom | base64)
RECEIVER_SECRET=$secret "$top/examples/receiver.py" --port-file "$work/port" \
    >"$work/receiver.log" 2>&1 &
receiver=$!
wait_until 10 "the receiver" test -s "$work/port"
port=$(cat "$work/port")
echo "listening at http://127.0.0.1:$port"

step "3. Two integrations: a webhook with a jq transform and signatures, and a file archive"
mkdir -p "$work/conf.d" "$work/state" "$work/archive"
export TENON_CONF=$work/conf.d
cat >"$work/conf.d/tenon.ini" <<INI
[host]
state = $work/state
INI
cat >"$work/conf.d/hooks.ini" <<INI
[integration]
plugin = webhook
base_url = http://127.0.0.1:$port

[select]
type = event

[transform]
jq = {title: .name, starts: .startDate, link: .url, city: (if .online then "online" else .city end)}

[signature]
scheme = standard-webhooks
secret = \${env:HOOK_SECRET}

[retry]
base = 200ms
max = 2s
max_attempts = 100

[settings]
path = /events
INI
cat >"$work/conf.d/archive.ini" <<INI
[integration]
plugin = archive
allow_paths = $work/archive

[select]
type = event

[settings]
directory = $work/archive
INI
cat "$work/conf.d/hooks.ini"
export HOOK_SECRET=$secret
show tenon config check

step "4. Start tenond on a fresh SQLite store"
tenond --conf "$work/conf.d" 2>"$work/tenond.log" &
daemon=$!
wait_until 20 "tenond" tenon status
show tenon integration list

step "5. Import $total real records; the receiver is set to break after $half"
ask "break?after=$half&status=503" >/dev/null
show tenon import "$records" --type event
wait_until 60 "the receiver to break" receiver_has refused 5
wait_until 60 "the archive, which goes on meanwhile" archive_has "$total"
echo
echo "The receiver took $(ask stats accepted) records and now answers 503."
echo "The archive has $(archived): lanes do not wait for each other."
show tenon submission list --integration hooks --state retrying --limit 3

step "6. Mend the receiver"
ask mend >/dev/null
wait_until 120 "the rest to be delivered" receiver_has unique "$total"
wait_until 60 "the last verdict of the webhook" has_succeeded hooks "$total"
wait_until 60 "the last verdict of the archive" has_succeeded archive "$total"
show tenon integration list

step "7. Import the same file again: ids come from the content, so nothing changes"
ask stats >"$work/stats.json"
show tenon import "$records" --type event
# One new record behind it all: once it has arrived, the lanes have looked at everything.
show tenon entity add '{"id": "marker", "name": "behind the second import"}' --type event
wait_until 60 "the record behind it" receiver_has unique $((total + 1))
wait_until 60 "the record behind it in the archive" archive_has $((total + 1))
ask stats >"$work/stats-again.json"

step "8. What became of one record"
entity=$(tenon submission list --integration hooks --limit 2 --json | python3 -c '
import json, sys
rows = json.load(sys.stdin)
rows = rows if isinstance(rows, list) else next(v for v in rows.values() if isinstance(v, list))
print(next(row["entity"] for row in rows if row["entity"] != "marker"))')
show tenon why "$entity"

step "What happened"
python3 - "$work/stats.json" "$work/stats-again.json" "$total" "$(($(archived) - 1))" <<'PY'
import json
import sys

stats, after = (json.load(open(path)) for path in sys.argv[1:3])
total, archived = map(int, sys.argv[3:5])
again = after["requests"] - stats["requests"] - 1  # without the marker
lost = (total - stats["unique"]) + (total - archived)
print("%d records in, %d delivered to the webhook, %d to the archive, %d lost" %
      (total, stats["unique"], archived, lost))
print("%d requests were refused while the receiver was broken; %d records came twice" %
      (stats["refused"], stats["duplicates"]))
print("%d signatures verified by the receiver, %d wrong, %d missing" %
      (stats["signatures_good"], stats["signatures_bad"], stats["signatures_missing"]))
print("the second import sent %d records" % again)
good = (lost == 0 and archived == total and again == 0 and stats["signatures_good"] >= total
        and stats["signatures_bad"] == 0 and stats["signatures_missing"] == 0)
sys.exit(0 if good else 1)
PY

step "How to look further"
cat <<TEXT
  examples/quickstart.sh --stay                 keep it running, then:
  tenon status                                  the daemon at a glance
  tenon integration show hooks                  one integration with its figures
  tenon integration logs hooks                  its last log lines; --follow goes on
  tenon tap hooks                               its records stage by stage, live
  tenon submission list --state succeeded       what went where, and when
  tenon entity search Berlin                    the records themselves
  tenon submit hooks --entity ID --dry-run      the exact request, secrets masked, nothing sent
  tenon config example webhook                  every setting there is, with its help
TEXT

if [ $stay = yes ]; then
    step "Staying. In another terminal:"
    echo "  export PATH=$prefix/bin:\$PATH TENON_CONF=$TENON_CONF"
    echo "  curl http://127.0.0.1:$port/__stats        and /__break, /__mend"
    trap 'exit 0' INT TERM
    echo "Ctrl-C ends it."
    wait $daemon
fi
