# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What this project needs from Debian (12 and 13), by purpose, and how to get it.  Sourced by demo, check and tests;
# needs nothing but bash, dpkg and apt itself.

declare -A deps_packages=(
    # compile the daemon and the client
    [build]='gcc libc6-dev meson ninja-build pkgconf libsystemd-dev libvirt-dev libxml2-dev libjson-c-dev libglib2.0-dev'
    # a private bus, a private libvirt, QEMU; busctl is in systemd, which need not be the init here
    [run]='dbus-daemon libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 qemu-utils systemd procps'
    # put the small guest together; its kernel and its agent are unpacked, never installed
    [guest]='busybox-static cpio kmod xz-utils e2fsprogs libglib2.0-0'
    # follow what happens on the bus and compare it
    [test]='jq libglib2.0-bin python3'
    # the other compilers and judges
    [judge]='clang clang-format clang-tidy libclang-rt-dev llvm valgrind shellcheck'
)
# what Debian 12 has in libvirt-daemon
[ "$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-0}")" = 12 ] ||
    deps_packages[test]+=' libvirt-daemon-driver-storage'

deps_list() {
    local purpose
    for purpose; do
        tr ' ' '\n' <<<"${deps_packages[$purpose]}"
    done
}

deps_installed() {
    local name
    # a library whose name grew a suffix on the way to Debian 13 (64-bit time_t) provides the old name
    for name in "$1" "$1t64"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ] || return 0
    done
    return 1
}

# deps_missing PURPOSE...: name the packages that are not here, one a line
deps_missing() {
    local package
    command -v dpkg-query >/dev/null || return 0
    for package in $(deps_list "$@"); do
        deps_installed "$package" || echo "$package"
    done
}

deps_ask() {
    local answer
    if ! [ -t 0 ]; then
        echo "Run it with -y to install them without a question." >&2
        return 1
    fi
    read -r -p "Install them with apt now? [Y/n] " answer
    case $answer in '' | y* | Y*) return 0 ;; esac
    return 1
}

# deps_install [-y] PURPOSE...: install what is missing; asks first unless -y.  Without root it only says what is
# missing, and returns 1.
deps_install() {
    local sure=no
    local -a missing
    if [ "${1:-}" = -y ]; then
        sure=yes
        shift
    fi
    mapfile -t missing < <(deps_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "These Debian packages are missing:" >&2
    printf '    %s\n' "$(fmt -w 100 <<<"${missing[*]}")" >&2
    if [ "$(id -u)" != 0 ]; then
        echo "Install them as root, then come back:" >&2
        echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    [ "$sure" = yes ] || deps_ask || return 1
    deps_apt update >/dev/null || echo "apt-get update failed; trying with the lists that are here." >&2
    echo "Installing ${#missing[@]} packages..." >&2
    deps_apt install -y --no-install-recommends "${missing[@]}"
}

# apt without questions; its long story is shown only if it fails
deps_apt() {
    local log
    log=$(mktemp)
    if DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    cat "$log" >&2
    rm -f "$log"
    return 1
}
