#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Block jobs that others start are jobs on the bus.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

external_job() {
    job=$(vs_prop domain/m1 Domain Jobs | jq -r '.[0] // empty')
    [ -n "$job" ] && is "$job" Job Operation external
}

it "a virsh blockcommit shows, with its progress"
all_start
chain_machine m1
disk_write m1 0 0x77 16M 32M
virsh -q blockcommit m1 vda --active --shallow --bytes --bandwidth 2000000
wait_for 5 external_job
same "$(vs_prop "$job" Job Disk)" vda
same "$(vs_prop "$job" Job StartedByUID)" 4294967295
wait_for 20 at_least "$job" Job BytesDone 1
[ "$(vs_prop "$job" Job BytesTotal)" -gt 0 ]

it "one of ours has to wait for it, or is refused"
if vs_call domain/m1 Domain BlockCommit vda "{'active': <true>, 'force': <true>}" >"$W/log/answer" 2>&1; then
    vs_call "$(grep -oE "/org/[^']+" "$W/log/answer")" Job Cancel "$no_options" || :
else
    contains "$(cat "$W/log/answer")" DomainBusy
fi

it "ends when virsh ends it"
virsh -q blockjob m1 vda --abort
job_ends cancelled
head_holds m1 4

it "to its end, by virsh"
virsh -q blockcommit m1 vda --active --shallow --pivot --bytes --bandwidth 20000000 --wait &
virsh=$!
wait_for 5 external_job
wait "$virsh"
job_ends 'done'
wait_for 5 is domain/m1 Domain Jobs '[]'
same "$(layers_here m1)" "$(chain_of "$(head_of m1 vda)")"
