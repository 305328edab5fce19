#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The daemon is killed in the middle of its work: the next one takes it up, under the same number.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

merge_slowly() {
    disk_write "$1" 0 0x77 16M 32M
    job_start "domain/$1" Domain BlockCommit vda "{$2, 'force': <true>, 'bandwidth': <uint64 4000000>}"
    wait_for 30 at_least "$job" Job BytesDone 1
    daemon_kill
}
back() {
    daemon_start
    wait_for 20 connected
    wait_for 20 vs_call '' Manager GetJob "${job##*/}"
    same "$(vs_call '' Manager GetJob "${job##*/}")" "(objectpath '$job',)"
}

it "during an active commit: goes on, same id, and pivots"
all_start
chain_machine m1
merge_slowly m1 "'active': <true>, 'shallow': <true>"
back
wait_for 20 is "$job" Job State running
same "$(vs_prop "$job" Job Operation)" block-commit
same "$(vs_prop "$job" Job Domain)" /org/virtsnap1/domain/m1
vs_call "$job" Job SetBandwidth 0
job_ends 'done'
same "$(head_of m1 vda)" "$W/img/m1.s2"
[ ! -e "$W/img/m1.s3" ]
chain_holds "$W/img/m1.s2" 4
holds "$W/img/m1.s2" 0x77 16M 32M
chain_holds "$(layer_of m1 s1)" 1
chain_holds "$(layer_of m1 s2)" 2
metadata_true m1

it "and the next job has a new number"
last=${job##*/}
take_disks m1 after
[ "${job##*/}" -gt "$last" ]

it "the commit ended while no daemon was there: metadata follows all the same"
chain_machine m2
disk_write m2 0 0x77 16M 16M
take_disks m2 s4
job_start domain/m2 Domain BlockCommit vda \
    "{'top': <'$W/img/m2.s3'>, 'base': <'$W/img/m2.s2'>, 'force': <true>, 'bandwidth': <uint64 2000000>}"
wait_for 30 at_least "$job" Job BytesDone 1
daemon_kill
virsh -q blockjob m2 vda --bytes --bandwidth 1000000000
wait_for 30 no_block_job m2
back
job_ends 'done'
[ ! -e "$W/img/m2.s3" ]
chain_holds "$W/img/m2.s2" 4
holds "$(layer_of m2 s4)" 0x77 16M 16M
chain_holds "$(layer_of m2 s2)" 2
metadata_true m2

it "during a commit that is then cancelled"
chain_machine m3
merge_slowly m3 "'active': <true>, 'shallow': <true>"
back
vs_call "$job" Job Cancel "$no_options"
job_ends cancelled
same "$(head_of m3 vda)" "$W/img/m3.s3"
chain_holds "$W/img/m3.s3" 4
same "$(snapshot_prop m3 s3 Condition)" deleting

it "killed as soon as it had answered: done once, wherever it was"
for moment in 0 0.02 0.1; do
    count=$(vs_prop domain/m3 Domain SnapshotCount)
    job_start domain/m3 Domain CreateSnapshot "at-$moment" "{'disk-only': <true>}"
    sleep "$moment" # nothing to wait for: the moment itself is what is tried
    daemon_kill
    daemon_start
    wait_for 20 connected
    vs_call "$job" Job Wait 'uint64 60000000' || refused NoSuchJob vs_call '' Manager GetJob "${job##*/}"
    wait_for 10 listings_agree m3
    [ "$(vs_prop domain/m3 Domain SnapshotCount)" -le $((count + 1)) ]
    head_holds m3 4
done
