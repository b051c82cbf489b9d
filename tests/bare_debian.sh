#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Proves that a bare Debian 12 is enough: makes one with debootstrap, puts a clone of HEAD into it,
# and runs there, as a stranger would, the quickstart twice, once more as an ordinary user, and the
# tests. Run by hand, as root; takes a while and a gigabyte.
#   tests/bare_debian.sh [ARGUMENT OF tests/run.sh...]     default: --quick
# The mirror is the one that this machine's own apt uses. BARE_ROOT=DIR keeps the root for another
# look.
set -euo pipefail

top=$(cd -P "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "bare_debian: needs root, for chroot and mount" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare_debian: debootstrap is missing" >&2; exit 1; }

apt_lines() {
    find /etc/apt -name '*.list' -o -name '*.sources' | sort | xargs -r cat
}
mirror=$(apt_lines | sed -nE 's/^URIs: *([^ ]*debian\/?)$/\1/p
    s/^deb (\[[^]]*\] )?([^ ]*debian\/?) bookworm .*/\2/p' | head -n 1)
[ -n "$mirror" ] || { echo "bare_debian: no Debian mirror in /etc/apt" >&2; exit 1; }

root=${BARE_ROOT:-$(mktemp -d "${TMPDIR:-/var/tmp}/tenon-bare.XXXXXX")}
mounted=""
finish() {
    local status=$?
    for point in $mounted; do umount -l "$point" || true; done
    [ -n "${BARE_ROOT:-}" ] || rm -rf --one-file-system "$root"
    exit $status
}
trap finish EXIT

if [ ! -e "$root/etc/debian_version" ]; then
    echo "bare_debian: a minimal Debian 12 into $root"
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        exit 1
    }
    rm -f "$root.log"
    # The same apt settings (proxy, keys of the mirror) as this machine's.
    cp -a /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
    cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
fi
for kind in proc:/proc sysfs:/sys devpts:/dev/pts; do
    point=$root${kind#*:}
    mountpoint -q "$point" || { mount -t "${kind%%:*}" none "$point" && mounted="$point $mounted"; }
done

rm -rf "$root/home/clone"
git clone -q --no-local "$top" "$root/home/clone"
run() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

echo "== quickstart, first time"
run /home/clone/examples/quickstart.sh
echo "== quickstart, second time, from another folder"
run sh -c 'cd /tmp && /home/clone/examples/quickstart.sh' | tail -n 20
echo "== quickstart, as an ordinary user"
run sh -c 'id guest >/dev/null 2>&1 || useradd -m guest
    rm -rf /home/guest/clone && cp -a /home/clone /home/guest/ && rm -rf /home/guest/clone/build*
    chown -R guest: /home/guest/clone
    su guest -c /home/guest/clone/examples/quickstart.sh' | tail -n 20
echo "== tests"
[ $# -gt 0 ] || set -- --quick
run /home/clone/tests/run.sh "$@"
