# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A machine with a chain, and what must hold of it whatever is merged.  Sourced by scenarios, after scenario.sh.

# chain_machine NAME: three snapshots of disks, s1 to s3; the layers from the bottom are NAME.qcow2 (the state of s1),
# .s1 (of s2), .s2 (of s3) and .s3, on which it runs.  Each wrote 1 MiB of its own pattern at an offset of its own and
# over the first 64 KiB that all share.
chain_machine() {
    local name=$1 number
    machine "$name" "$(image "$name" "${2:-64M}")"
    chain_write "$name" 1
    for number in 1 2 3; do
        take "$name" "s$number" "{'disk-only': <true>, 'disks': <[('vda', {'file': <'$W/img/$name.s$number'>})]>}"
        chain_write "$name" $((number + 1))
    done
}
chain_write() {
    disk_write "$1" 0 "0x$2$2" 0 64k
    disk_write "$1" 0 "0x$2$2" "$2M" 1M
}

# chain_holds FILE NUMBER: the file holds what was on the disk after the NUMBER-th write
chain_holds() {
    local number
    holds "$1" "0x$2$2" 0 64k
    for number in 1 2 3 4; do
        if [ "$number" -le "$2" ]; then
            holds "$1" "0x$number$number" "${number}M" 1M
        else
            holds "$1" 0 "${number}M" 1M
        fi
    done
}

# head_holds DOMAIN NUMBER: the same of what the machine runs on
head_holds() {
    disk_flush "$1" 0
    chain_holds "$(head_of "$1" vda)" "$2"
}

# layer_of DOMAIN SNAPSHOT: the file that its metadata says holds its state
layer_of() {
    virsh -q snapshot-dumpxml "$1" "$2" | sed -n "/<domain[ >]/,/<\/domain>/s/.*<source file='\([^']*\)'.*/\1/p" |
        head -n 1
}

# metadata_true DOMAIN: whatever its snapshots name exists, and the bus says the same as virsh
metadata_true() {
    local name file
    for name in $(virsh -q snapshot-list "$1" --name); do
        for file in $(virsh -q snapshot-dumpxml "$1" "$name" | grep -oE "(file|path)='/[^']+'" | cut -d "'" -f 2 |
            grep "^$W/img/"); do
            [ -e "$file" ] || { echo "# $name names $file, which is gone" >&2; return 1; }
        done
    done
    for file in $(virsh -q dumpxml "$1" --inactive | grep -oE "file='/[^']+'" | cut -d "'" -f 2); do
        [ -e "$file" ] || { echo "# the definition names $file, which is gone" >&2; return 1; }
    done
    listings_agree "$1"
    same "$(layers_here "$1")" "$(chain_of "$(head_of "$1" vda)")"
}
layers_here() {
    busctl --user --json=short call org.virtsnap1 "/org/virtsnap1/domain/$1" org.virtsnap1.Domain GetBackingChain s \
        vda | jq -r '.data[0][].path.data'
}
