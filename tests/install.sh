#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds what Tenon installs (release, no tests) and installs it below DIR, from where it runs as it
# would below /.
#   tests/install.sh BUILD DIR
# BUILD is made on first use. The last line printed is the folder that holds bin/.
set -eu

[ $# = 2 ] || { echo "usage: tests/install.sh BUILD DIR" >&2; exit 2; }
top=$(cd -P "$(dirname "$0")/.." && pwd)
build=$1
mkdir -p "$2"
root=$(cd -P "$2" && pwd)

# quietly LOG COMMAND...: what it printed is shown when it fails.
quietly() {
    log=$root/$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        exit 1
    }
}

[ -f "$build/build.ninja" ] ||
    quietly setup.log meson setup "$build" "$top" --buildtype=release --prefix=/usr/local
targets=$(meson introspect --targets "$build" | python3 -c '
import json, os, sys
for target in json.load(sys.stdin):
    if target["installed"]:
        print(os.path.relpath(target["filename"][0], sys.argv[1]))' "$(cd -P "$build" && pwd)")
# shellcheck disable=SC2086 # the list is words
quietly build.log ninja -C "$build" $targets
quietly install.log meson install -C "$build" --no-rebuild --destdir "$root"
echo "$root/usr/local"
