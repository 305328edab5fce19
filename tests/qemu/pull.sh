#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Merging upwards: the head takes what is below it, snapshots keep their files.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

it "everything into the layer in use"
all_start
chain_machine m1
job_start domain/m1 Domain BlockPull vda "$no_options"
same "$(vs_prop "$job" Job Operation)" block-pull
job_ends 'done'
same "$(chain_of "$(head_of m1 vda)")" "$W/img/m1.s3"
head_holds m1 4

it "what snapshots hold stays"
for number in 1 2 3; do
    chain_holds "$(layer_of m1 "s$number")" "$number"
done
metadata_true m1

it "down to a base"
chain_machine m2
job_done domain/m2 Domain BlockPull vda "{'base': <'$W/img/m2.s1'>}"
same "$(chain_of "$(head_of m2 vda)")" "$(printf '%s\n' "$W/img/m2.s3" "$W/img/m2.s1" "$W/img/m2.qcow2")"
head_holds m2 4
for number in 1 2 3; do
    chain_holds "$(layer_of m2 "s$number")" "$number"
done
metadata_true m2

it "cancelled and tried again"
chain_machine m3
disk_write m3 0 0x66 16M 32M
take_disks m3 s4
job_start domain/m3 Domain BlockPull vda "{'bandwidth': <uint64 1000000>}"
wait_for 20 is "$job" Job State running
vs_call "$job" Job Cancel "$no_options"
job_ends cancelled
head_holds m3 4
metadata_true m3
job_done domain/m3 Domain BlockPull vda "$no_options"
head_holds m3 4
holds "$(head_of m3 vda)" 0x66 16M 32M
metadata_true m3

it "and the machine starts again from it"
virsh -q destroy m3
virsh -q start --paused m3
head_holds m3 4

it "a base that is no layer of it"
refused InvalidPath vs_call domain/m3 Domain BlockPull vda "{'base': <'$W/img/m2.qcow2'>}"
