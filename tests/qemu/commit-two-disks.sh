#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Snapshots of two disks, merged one disk after the other: the second merge leaves no more behind than the first.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

it "the first disk: its overlays go, and the snapshots with them"
all_start
machine m1 "$(image a)" "$(image b)"
for number in 1 2 3; do
    disk_write m1 0 "0x1$number" "${number}M" 1M
    disk_write m1 1 "0x2$number" "${number}M" 1M
    take_disks m1 "s$number"
done
job_done domain/m1 Domain BlockCommit vdb "{'active': <true>, 'force': <true>}"
same "$(head_of m1 vdb)" "$W/img/b.qcow2"
same "$(vs_prop domain/m1 Domain SnapshotCount)" 0
listings_agree m1

it "the second disk: its overlays go, too"
job_done domain/m1 Domain BlockCommit vda "{'active': <true>, 'force': <true>}"
same "$(head_of m1 vda)" "$W/img/a.qcow2"
for number in 1 2 3; do
    holds "$W/img/a.qcow2" "0x1$number" "${number}M" 1M
    holds "$W/img/b.qcow2" "0x2$number" "${number}M" 1M
done
same "$(cd "$W/img" && echo *.qcow2)" "a.qcow2 b.qcow2"

it "and nothing keeps the machine from going back to a snapshot inside its images"
take m1 inside
disk_write m1 0 0x99 1M 1M
job_done "$(snapshot_path m1 inside)" Snapshot Revert "$no_options"
holds "$W/img/a.qcow2" 0x11 1M 1M
