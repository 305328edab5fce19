#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Merging the layer that is in use: pivot, held before the pivot, or staying on the overlay.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

it "needs to be said"
all_start
chain_machine m1
refused InvalidArgs vs_call domain/m1 Domain BlockCommit vda "{'base': <'$W/img/m1.s2'>, 'force': <true>}"

it "pivots onto the base"
job_start domain/m1 Domain BlockCommit vda "{'active': <true>, 'shallow': <true>, 'force': <true>}"
same "$(vs_prop "$job" Job Operation)" block-commit
same "$(vs_prop "$job" Job Disk)" vda
same "$(vs_prop "$job" Job Domain)" /org/virtsnap1/domain/m1
job_ends 'done'
same "$(vs_prop "$job" Job Progress)" 1
same "$(head_of m1 vda)" "$W/img/m1.s2"
[ ! -e "$W/img/m1.s3" ]
same "$(virsh -q snapshot-list m1 --name | grep .)" "$(printf 's1\ns2')"
chain_holds "$W/img/m1.s2" 4
chain_holds "$(layer_of m1 s1)" 1
chain_holds "$(layer_of m1 s2)" 2
metadata_true m1

it "held at READY until Finish"
job_start domain/m1 Domain BlockCommit vda "{'active': <true>, 'shallow': <true>, 'force': <true>, 'pivot': <false>}"
wait_for 30 is "$job" Job State ready
same "$(head_of m1 vda)" "$W/img/m1.s2"
chain_write m1 5
vs_call "$job" Job Finish "$no_options"
job_ends 'done'
same "$(head_of m1 vda)" "$W/img/m1.s1"
holds "$W/img/m1.s1" 0x55 5M 1M
holds "$W/img/m1.s1" 0x44 4M 1M
metadata_true m1

it "down to the bottom, all at once"
job_done domain/m1 Domain BlockCommit vda "{'active': <true>, 'force': <true>}"
same "$(chain_of "$(head_of m1 vda)")" "$W/img/m1.qcow2"
holds "$W/img/m1.qcow2" 0x55 5M 1M
same "$(vs_prop domain/m1 Domain SnapshotCount)" 0
same "$(cd "$W/img" && echo m1.s*)" 'm1.s*'
metadata_true m1

it "staying on the overlay"
chain_machine m2
job_done domain/m2 Domain BlockCommit vda \
    "{'active': <true>, 'base': <'$W/img/m2.s1'>, 'force': <true>, 'keep-overlay': <true>}"
same "$(head_of m2 vda)" "$W/img/m2.s3"
chain_holds "$W/img/m2.s3" 4
chain_holds "$(layer_of m2 s1)" 1
no_block_job m2
metadata_true m2

it "and the machine starts again from what is left"
virsh -q destroy m1
virsh -q start --paused m1
virsh -q destroy m2
virsh -q start --paused m2
head_holds m2 4
