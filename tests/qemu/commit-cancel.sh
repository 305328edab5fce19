#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A merge given up: the job leaves when libvirt says so, what it half overwrote is marked, and it can be tried again.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

it "cancelled in the middle"
all_start
chain_machine m1
disk_write m1 0 0x77 16M 32M
options="'active': <true>, 'base': <'$W/img/m1.s2'>, 'force': <true>"
job_start domain/m1 Domain BlockCommit vda "{$options, 'bandwidth': <uint64 2000000>}"
wait_for 30 at_least "$job" Job BytesDone 1
same "$(vs_prop "$job" Job Cancelable)" true
same "$(vs_prop domain/m1 Domain Jobs)" "[\"$job\"]"
vs_call "$job" Job Cancel "$no_options"
job_ends cancelled
same "$(vs_prop domain/m1 Domain Jobs)" '[]'
no_block_job m1

it "the machine runs on as before"
same "$(head_of m1 vda)" "$W/img/m1.s3"
chain_holds "$W/img/m1.s3" 4
holds "$W/img/m1.s3" 0x77 16M 32M
chain_holds "$(layer_of m1 s1)" 1
chain_holds "$(layer_of m1 s2)" 2

it "the snapshot that may be half overwritten says so"
same "$(snapshot_prop m1 s3 Condition)" deleting
[ -n "$(snapshot_prop m1 s3 ConditionReason)" ]
same "$(snapshot_prop m1 s2 Condition)" ok
listings_agree m1

it "cancelled twice, or when it is over: an error"
refused NotCancelable vs_call "$job" Job Cancel "$no_options"

it "tried again, to the end"
job_done domain/m1 Domain BlockCommit vda "{$options}"
refused NoSuchSnapshot vs_call domain/m1 Domain GetSnapshot s3
same "$(head_of m1 vda)" "$W/img/m1.s2"
chain_holds "$W/img/m1.s2" 4
holds "$W/img/m1.s2" 0x77 16M 32M
chain_holds "$(layer_of m1 s2)" 2
metadata_true m1

it "a time limit cancels it too"
chain_machine m2
disk_write m2 0 0x77 16M 32M
job_start domain/m2 Domain BlockCommit vda \
    "{'active': <true>, 'base': <'$W/img/m2.s2'>, 'force': <true>, 'bandwidth': <uint64 1000000>, 'timeout': <uint64 500000>}"
job_ends failed Timeout
head_holds m2 4
