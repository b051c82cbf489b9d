#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What Tenon needs from Debian 12, in this one place.
#   tests/deps.sh run    what the installed programs need and what builds them
#   tests/deps.sh test   the same, the tools of tests/run.sh, and the packages of tests/node
# Prints what is missing, installs that and no more; says so and does nothing when nothing is
# missing.
set -eu

build="gcc libc6-dev meson ninja-build pkg-config python3 libuv1-dev libcurl4-openssl-dev
    libssl-dev libinih-dev libffi-dev libsqlite3-dev libjansson-dev
    libjq-dev libsodium-dev ca-certificates"
tools="g++ clang llvm libclang-rt-dev libcmocka-dev python3-pytest python3-pytest-xdist
    python3-jsonschema valgrind binutils git procps util-linux nginx openssl curl faketime zsh"

case "${1:-}" in
run) wanted=$build ;;
test)
    wanted="$build $tools"
    # Whoever has a Node of their own keeps it: Debian's npm does not go beside every other.
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || wanted="$wanted nodejs npm"
    ;;
*)
    echo "usage: tests/deps.sh run|test" >&2
    exit 2
    ;;
esac

missing=""
for package in $wanted; do
    case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)" in
    ii* | hi*) ;;
    *) missing="$missing $package" ;;
    esac
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The package lists may be missing or old: look in them first, fetch new ones when that does not do.
# shellcheck disable=SC2086 # the lists are words
install_missing() { $root apt-get install -y --no-install-recommends $missing >"$log" 2>&1; }

install_packages() {
    echo "deps: to be installed:$missing"
    root=""
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "deps: not root and no sudo; as root: apt-get install$missing" >&2
            exit 1
        fi
        root="sudo"
    fi
    export DEBIAN_FRONTEND=noninteractive
    if ! install_missing; then
        { $root apt-get update >"$log" 2>&1 && install_missing; } || {
            cat "$log" >&2
            exit 1
        }
    fi
    # Debian starts nginx as a service; the tests want the program alone. Without systemd nothing
    # runs.
    case "$missing " in
    *" nginx "*) $root systemctl disable --now nginx >"$log" 2>&1 || true ;;
    esac
}

# What npm unpacked is as the lock says when it is not older. Scripts of packages are not run.
node=$(cd -P "$(dirname "$0")/node" && pwd)
node_is_due() {
    [ "$1" = test ] || return 1
    [ ! -e "$node/node_modules/.package-lock.json" ] ||
        [ "$node/package-lock.json" -nt "$node/node_modules/.package-lock.json" ]
}
install_node_packages() {
    echo "deps: npm ci in tests/node"
    (cd "$node" && npm ci --ignore-scripts >"$log" 2>&1) || {
        cat "$log" >&2
        exit 1
    }
    touch "$node/node_modules/.package-lock.json"
}

is_due=no
if [ -n "$missing" ]; then
    is_due=yes
    install_packages
fi
if node_is_due "$1"; then
    is_due=yes
    install_node_packages
fi
[ $is_due = yes ] && echo "deps: installed" || echo "deps: everything is installed"
