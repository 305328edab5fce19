#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Internal snapshots: back to them and rid of them, as long as nothing rests on the image they live in.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

it "back to the first, where everything is as it was"
all_start
machine m1 "$(image a)"
disk_write m1 0 0x11 0 64k
take m1 s1
disk_write m1 0 0x22 0 64k
take m1 s2
disk_write m1 0 0x33 0 64k
job_done "$(snapshot_path m1 s1)" Snapshot Revert "$no_options"
holds "$W/img/a.qcow2" 0x11 0 64k
same "$(vs_prop domain/m1 Domain CurrentSnapshot)" "$(snapshot_path m1 s1)"
listings_agree m1

it "with the state that is asked for"
job_done "$(snapshot_path m1 s2)" Snapshot Revert "{'running': <true>}"
same "$(virsh -q domstate m1)" running
same "$(vs_prop domain/m1 Domain State)" running
job_done "$(snapshot_path m1 s2)" Snapshot Revert "{'paused': <true>}"
same "$(virsh -q domstate m1)" paused
holds "$W/img/a.qcow2" 0x22 0 64k
refused InvalidArgs vs_call "$(snapshot_path m1 s2)" Snapshot Revert "{'paused': <true>, 'running': <true>}"

it "a branch grows from where it went back to"
job_done "$(snapshot_path m1 s1)" Snapshot Revert "$no_options"
take m1 s3
same "$(snapshot_path m1 s3)" /org/virtsnap1/domain/m1/s1/s3
listings_agree m1

it "one is deleted, its child moves up, the others' content stays"
path=$(snapshot_path m1 s1)
job_done "$path" Snapshot Delete "$no_options"
same "$(snapshot_path m1 s3)" /org/virtsnap1/domain/m1/s3
listings_agree m1
refused NoSuchSnapshot vs_call domain/m1 Domain GetSnapshot s1
[[ $(qemu-img snapshot -U -l "$W/img/a.qcow2") != *s1* ]]
job_done "$(snapshot_path m1 s2)" Snapshot Revert "$no_options"
holds "$W/img/a.qcow2" 0x22 0 64k

it "a protected one stays"
vs_call "$(snapshot_path m1 s2)" Snapshot SetProtected true
refused Protected vs_call "$(snapshot_path m1 s2)" Snapshot Delete "$no_options"
vs_call "$(snapshot_path m1 s2)" Snapshot SetProtected false

it "with an overlay on the image, neither is done"
take_disks m1 above
same "$(snapshot_path m1 above)" "$(snapshot_path m1 s2)/above"
disk_write m1 0 0x44 0 64k
fails NotSupported "$(snapshot_path m1 s2)" Snapshot Revert "$no_options"
fails NotSupported "$(snapshot_path m1 s3)" Snapshot Delete "$no_options"
holds "$W/img/a.qcow2" 0x22 0 64k
holds "$(head_of m1 vda)" 0x44 0 64k
listings_agree m1

it "nor to the external one itself, in this version"
fails NotSupported "$(snapshot_path m1 above)" Snapshot Revert "$no_options"
fails NotSupported "$(snapshot_path m1 above)" Snapshot Delete "$no_options"
listings_agree m1

it "metadata alone can always go"
job_done "$(snapshot_path m1 above)" Snapshot Delete "{'metadata-only': <true>}"
wait_for 5 listings_agree m1
fails NotSupported "$(snapshot_path m1 s2)" Snapshot Revert "$no_options"
holds "$W/img/a.qcow2" 0x22 0 64k

it "a whole subtree goes"
machine m2 "$(image b)"
for name in one two three; do take m2 "$name"; done
job_done "$(snapshot_path m2 two)" Snapshot Delete "{'children-only': <true>}"
same "$(vs_prop domain/m2 Domain SnapshotCount)" 2
job_done "$(snapshot_path m2 one)" Snapshot Delete "{'children': <true>}"
same "$(vs_prop domain/m2 Domain SnapshotCount)" 0
listings_agree m2
