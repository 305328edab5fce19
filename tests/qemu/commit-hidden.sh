#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What rests on an image without saying so plainly: never committed into, either.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"
# shellcheck source=../lib/chain.sh
. "$VS_WORLD/lib/chain.sh"

onto_s1="'top': <'$W/img/m1.s2'>, 'base': <'$W/img/m1.s1'>"
stays() {
    refused WouldLoseData vs_call domain/m1 Domain BlockCommit vda "{$onto_s1, 'force': <true>}"
    chain_holds "$W/img/m1.s3" 4
    chain_holds "$W/img/m1.s1" 2
}
# clone FILE BACKING: an image that no snapshot knows
clone() { qemu-img create -q -f qcow2 -F qcow2 -b "$2" "$1"; }

it "a clone whose header describes its backing file in JSON"
all_start
chain_machine m1
clone "$W/img/clone" "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"$W/img/m1.s1\"}}"
stays
chain_holds "$W/img/clone" 2
clone "$W/img/clone" "json:{\"file.filename\":\"$W/img/m1.s1\",\"driver\":\"qcow2\"}"
stays

it "one whose header names it with file://"
clone "$W/img/clone" "file://$W/img/m1.s1"
stays
rm "$W/img/clone"

it "a clone elsewhere, with which a running machine will start the next time"
mkdir "$W/elsewhere"
clone "$W/elsewhere/clone" "$W/img/m1.s1"
machine other "$(image other)"
virsh -q dumpxml other --inactive | sed "s|$W/img/other.qcow2|$W/elsewhere/clone|" >"$W/img/next.xml"
virsh -q define "$W/img/next.xml"
stays
virsh -q destroy other
virsh -q undefine other
rm "$W/elsewhere/clone"

it "a machine that names the image as a volume of a pool, also of one that is stopped"
virsh -q pool-define-as images dir --target "$W/img"
virsh -q pool-start images
machine_define volume "$W/img/m1.s1"
virsh -q dumpxml volume | sed "s|type='file'|type='volume'|; s|file='$W/img/|pool='images' volume='|" >"$W/img/volume.xml"
virsh -q define "$W/img/volume.xml"
contains "$(virsh -q dumpxml volume)" "volume='m1.s1'"
stays
virsh -q pool-destroy images
stays
virsh -q undefine volume

it "and when they are gone, it is done"
wait_for 5 refused NoSuchDomain vs_call '' Manager GetDomain volume
job_done domain/m1 Domain BlockCommit vda "{$onto_s1, 'force': <true>}"
head_holds m1 4
metadata_true m1
