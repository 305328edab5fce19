#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A merge of 1 GiB with a limit: progress that never falls, slowed, hastened, cancelled, begun again.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

mib=$((1 << 20))
progress_of() { # of a job, every value that was announced
    events | jq -rc --arg path "$1" 'select(.member == "PropertiesChanged" and .path == $path)
        | .payload.data[1].Progress.data // empty'
}
never_falls() {
    progress_of "$1" | awk '$1 < last || $1 > 1 { bad = 1 } { last = $1 } END { exit bad || NR < 3 }'
}

it "slow at first"
all_start
machine m1 "$(image m1 2G)"
take m1 s1 "{'disk-only': <true>, 'disks': <[('vda', {'file': <'$W/img/m1.s1'>})]>}"
for number in 0 1 2 3 4 5 6 7; do
    disk_write m1 0 "0x1$number" "$((number * 128))M" 128M
done
events_start
options="'active': <true>, 'force': <true>"
job_start domain/m1 Domain BlockCommit vda "{$options, 'bandwidth': <uint64 $((64 * mib))>}"
wait_for 20 at_least "$job" Job BytesDone $((64 * mib))
same "$(vs_prop "$job" Job Bandwidth)" $((64 * mib))
same "$(vs_prop "$job" Job State)" running
same "$(vs_prop "$job" Job BytesTotal)" $((1024 * mib))
wait_for 5 at_least "$job" Job Rate 1
[ "$(vs_prop "$job" Job Rate)" -lt $((256 * mib)) ]
[ "$(vs_prop "$job" Job ExpectedEndTime)" -gt "${EPOCHREALTIME/./}" ]

it "slower on the way"
vs_call "$job" Job SetBandwidth $((8 * mib))
wait_for 10 is "$job" Job Bandwidth $((8 * mib))
contains "$(virsh -q blockjob m1 vda --info --bytes 2>&1)" "$((8 * mib)) bytes/s"

it "cancelled"
vs_call "$job" Job Cancel "$no_options"
job_ends cancelled
first=$job
wait_for 5 never_falls "$first"
[ "$(vs_prop "$first" Job Progress | cut -d . -f 1)" = 0 ]

it "begun again, with a limit, and hastened to the end"
job_start domain/m1 Domain BlockCommit vda "{$options, 'bandwidth': <uint64 $((32 * mib))>}"
[ "$job" != "$first" ]
wait_for 30 at_least "$job" Job BytesDone $((8 * mib))
vs_call "$job" Job SetBandwidth 0
job_ends 'done'
same "$(vs_prop "$job" Job Progress)" 1
never_falls "$job"
note "$(progress_of "$job" | wc -l) values of progress"

it "and every byte is there"
same "$(head_of m1 vda)" "$W/img/m1.qcow2"
for number in 0 1 2 3 4 5 6 7; do
    holds "$W/img/m1.qcow2" "0x1$number" "$((number * 128))M" 128M
done
metadata_true m1
