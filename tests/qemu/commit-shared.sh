#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What anything else rests on is never committed into: another branch, another machine's disk, a managed save.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

stays() {
    refused "${2:-WouldLoseData}" vs_call domain/m1 Domain BlockCommit vda "{$1}"
    refused "${2:-WouldLoseData}" vs_call domain/m1 Domain BlockCommit vda "{$1, 'force': <true>}"
    chain_holds "$W/img/m1.s3" 4
    chain_holds "$W/img/m1.s1" 2
}
onto_s1="'top': <'$W/img/m1.s2'>, 'base': <'$W/img/m1.s1'>"

it "another machine's disk"
all_start
chain_machine m1
qemu-img create -q -f qcow2 -F qcow2 -b "$W/img/m1.s1" "$W/img/other.qcow2"
machine_define other "$W/img/other.qcow2"
wait_for 5 vs_call '' Manager GetDomain other
stays "$onto_s1"
contains "$(vs_call domain/m1 Domain BlockCommit vda "{$onto_s1}" 2>&1 || :)" other
chain_holds "$W/img/other.qcow2" 2

it "not when it rests on what is merged away either"
qemu-img create -q -f qcow2 -F qcow2 -b "$W/img/m1.s2" "$W/img/other.qcow2"
virsh -q undefine other
machine_define other "$W/img/other.qcow2"
stays "$onto_s1"

it "a managed save of another machine"
rm "$W/img/other.qcow2"
qemu-img create -q -f qcow2 -F qcow2 -b "$W/img/m1.s1" "$W/img/other.qcow2"
virsh -q undefine other
machine other "$W/img/other.qcow2"
virsh -q managedsave other
wait_for 5 is domain/other Domain HasManagedSave true
stays "$onto_s1"
virsh -q undefine other --managed-save
rm "$W/img/other.qcow2"

it "a branch of a snapshot of its own"
virsh -q snapshot-dumpxml m1 s3 --security-info | sed 's|<name>s3</name>|<name>side</name>|' |
    sed "s|$W/img/m1.s2|$W/img/side.qcow2|" >"$W/img/side.xml"
qemu-img create -q -f qcow2 -F qcow2 -b "$W/img/m1.s1" "$W/img/side.qcow2"
virsh -q snapshot-create m1 "$W/img/side.xml" --redefine
wait_for 5 listings_agree m1
stays "$onto_s1"
virsh -q snapshot-delete m1 side --metadata
rm "$W/img/side.qcow2"

it "and when they are gone, it is done"
wait_for 5 refused NoSuchDomain vs_call '' Manager GetDomain other
job_done domain/m1 Domain BlockCommit vda "{$onto_s1, 'force': <true>}"
head_holds m1 4
metadata_true m1
