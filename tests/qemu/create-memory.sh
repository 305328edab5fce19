#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Snapshots with memory: inside the image, or in a file of its own.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

it "inside the image"
all_start
machine m1 "$(image a)"
disk_write m1 0 0x11 0 64k
take m1 inside
same "$(snapshot_prop m1 inside Location)" internal
same "$(snapshot_prop m1 inside Memory)" internal
same "$(snapshot_prop m1 inside Consistency)" memory
contains "$(qemu-img snapshot -U -l "$W/img/a.qcow2")" inside
same "$(virsh -q domstate m1)" paused

it "in a file of its own, the guest stopping for it"
machine m2 "$(image b)"
take m2 outside "{'memory': <'external'>, 'memory-file': <'$W/img/m2.mem'>}"
same "$(snapshot_prop m2 outside Location)" external
same "$(snapshot_prop m2 outside Memory)" external
[ -s "$W/img/m2.mem" ]
[ "$(head_of m2 vda)" != "$W/img/b.qcow2" ]
same "$(virsh -q domstate m2)" paused

it "in a file of its own, the guest running on"
virsh -q resume m2
take m2 live "{'memory': <'external'>, 'memory-file': <'$W/img/m2.live'>, 'live': <true>}"
[ -s "$W/img/m2.live" ]
same "$(virsh -q domstate m2)" running
same "$(snapshot_prop m2 live State)" running

it "refuses what libvirt would stumble over"
refused InvalidArgs vs_call domain/m2 Domain CreateSnapshot x "{'disk-only': <true>, 'memory': <'internal'>}"
refused InvalidPath vs_call domain/m2 Domain CreateSnapshot x "{'memory': <'external'>, 'memory-file': <'m2.mem'>}"
listings_agree m1
listings_agree m2
