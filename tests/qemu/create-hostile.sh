#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where an overlay may go: never through a link, never over a file that is there, never where we may not write.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

refused_there() {
    local heads
    heads=$(virsh -q domblklist m1)
    fails "${2:-Error.InvalidPath}" domain/m1 Domain CreateSnapshot bad \
        "{'disk-only': <true>, 'disks': <[('vda', {'file': <'$1'>})]>}"
    same "$(virsh -q domblklist m1)" "$heads"
    same "$(vs_prop domain/m1 Domain SnapshotCount)" 0
}

it "a link to nothing"
all_start
machine m1 "$(image a)"
ln -s "$W/img/target" "$W/img/dangling"
refused_there "$W/img/dangling"
[ ! -e "$W/img/target" ]

it "a link to a file"
echo precious >"$W/img/file"
ln -s "$W/img/file" "$W/img/link"
refused_there "$W/img/link"

it "a file that is there"
refused_there "$W/img/file"
same "$(cat "$W/img/file")" precious

it "through a linked folder"
ln -s "$W/img" "$W/home/linked"
refused_there "$W/home/linked/new"
[ ! -e "$W/img/new" ]

it "a folder of somebody else"
refused_there /proc/new Error
refused_there /usr/new Error # libvirt's own words, or ours: libvirt may be allowed where we are not

it "a folder that is missing, a name that is relative, a folder itself"
refused_there "$W/img/none/new"
refused_there new
refused_there "$W/img"
refused_there "$W/img/../img/new"

it "the disk's own image"
refused_there "$W/img/a.qcow2"

it "the image of another machine, off or on, or of a snapshot: not even when it is to be reused"
reuse() { fails WouldLoseData domain/m1 Domain CreateSnapshot bad \
    "{'disk-only': <true>, 'reuse-external': <true>, 'disks': <[('vda', {'file': <'$1'>})]>}"; }
machine_define other "$(image other)"
reuse "$W/img/other.qcow2"
virsh -q start --paused other
reuse "$W/img/other.qcow2"
virsh -q destroy other
take_disks other s1
reuse "$W/img/other.qcow2"
same "$(head_of m1 vda)" "$W/img/a.qcow2"

it "a device, which libvirt would write over"
device="<domainsnapshot><disks><disk name='vda' snapshot='external' type='block'><source dev='/dev/null'/></disk></disks></domainsnapshot>"
fails Error.InvalidPath domain/m1 Domain CreateSnapshotXML "$device" "{'disk-only': <true>}"

it "and a good one still works"
take m1 good "{'disk-only': <true>, 'disks': <[('vda', {'file': <'$W/img/good'>})]>}"
same "$(head_of m1 vda)" "$W/img/good"
listings_agree m1
