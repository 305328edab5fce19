#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A merge in the middle of a chain: the snapshots that it does not touch keep their content, metadata follows.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

it "refused while a snapshot would lose its content, which it names"
all_start
chain_machine m1
for number in 1 2 3; do
    layer=$W/img/m1.s$number
    [ "$number" = 1 ] || same "$(layer_of m1 "s$number")" "$W/img/m1.s$((number - 1))"
done
middle="'top': <'$W/img/m1.s2'>, 'base': <'$W/img/m1.s1'>"
refused WouldLoseData vs_call domain/m1 Domain BlockCommit vda "{$middle}"
contains "$(vs_call domain/m1 Domain BlockCommit vda "{$middle}" 2>&1 || :)" s2
same "$(chain_of "$layer" | wc -l)" 4
metadata_true m1

it "with force: that one goes, the others stay, with their content"
job_done domain/m1 Domain BlockCommit vda "{$middle, 'force': <true>}"
refused NoSuchSnapshot vs_call domain/m1 Domain GetSnapshot s2
same "$(virsh -q snapshot-list m1 --name | grep .)" "$(printf 's1\ns3')"
chain_holds "$(layer_of m1 s1)" 1
chain_holds "$(layer_of m1 s3)" 3
head_holds m1 4

it "the merged file is gone, and nothing names it"
[ ! -e "$W/img/m1.s2" ]
same "$(layer_of m1 s3)" "$W/img/m1.s1"
metadata_true m1

it "the files stay when asked for"
chain_machine m2
job_done domain/m2 Domain BlockCommit vda \
    "{'top': <'$W/img/m2.s2'>, 'base': <'$W/img/m2.s1'>, 'force': <true>, 'delete': <false>}"
[ -e "$W/img/m2.s2" ]
metadata_true m2

it "a base that is not there, above the top, or no path of this chain"
chain=$(chain_of "$W/img/m1.s3")
refused InvalidPath vs_call domain/m1 Domain BlockCommit vda "{'top': <'$W/img/m1.s1'>, 'base': <'$W/img/m1.s3'>}"
refused InvalidPath vs_call domain/m1 Domain BlockCommit vda "{'top': <'$W/img/m1.s1'>, 'base': <'$W/img/m2.qcow2'>}"
refused NoSuchDisk vs_call domain/m1 Domain BlockCommit vdq "$no_options"
refused InvalidArgs vs_call domain/m1 Domain BlockCommit vda "{'bse': <'$W/img/m1.qcow2'>}"
same "$(chain_of "$W/img/m1.s3")" "$chain"

it "of a machine that is off: not in this version"
virsh -q destroy m1
wait_for 5 is domain/m1 Domain State shutoff
refused NotSupported vs_call domain/m1 Domain BlockCommit vda \
    "{'top': <'$W/img/m1.s1'>, 'base': <'$W/img/m1.qcow2'>, 'force': <true>}"
chain_holds "$(layer_of m1 s1)" 1
