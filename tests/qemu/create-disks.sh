#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Snapshots of disks alone: overlays where they were asked for, metadata as asked for.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

it "two disks at once"
all_start
machine m1 "$(image a)" "$(image b)"
disk_write m1 0 0x11 0 64k
disk_write m1 1 0x12 0 64k
take m1 s1 "{'disk-only': <true>, 'description': <'the first'>, 'atomic': <true>}"
same "$(snapshot_prop m1 s1 Description)" "the first"
same "$(snapshot_prop m1 s1 Location)" external
same "$(snapshot_prop m1 s1 State)" disk-snapshot
same "$(snapshot_prop m1 s1 Memory)" none
same "$(snapshot_prop m1 s1 Current)" true
same "$(vs_prop domain/m1 Domain CurrentSnapshot)" "$(snapshot_path m1 s1)"
[ "$(head_of m1 vda)" != "$W/img/a.qcow2" ]
[ "$(head_of m1 vdb)" != "$W/img/b.qcow2" ]
listings_agree m1

it "what is written then goes to the overlays"
disk_write m1 0 0x21 0 64k
holds "$W/img/a.qcow2" 0x11 0 64k
holds "$(head_of m1 vda)" 0x21 0 64k
holds "$(head_of m1 vdb)" 0x12 0 64k

it "one disk, into a file of a given name"
before=$(head_of m1 vdb)
take m1 s2 "{'disk-only': <true>, 'disks': <[('vda', {'snapshot': <'external'>, 'file': <'$W/img/mine.qcow2'>}), ('vdb', {'snapshot': <'no'>})]>}"
same "$(head_of m1 vda)" "$W/img/mine.qcow2"
same "$(head_of m1 vdb)" "$before"
contains "$(snapshot_prop m1 s2 Disks)" "[\"vda\",\"external\",\"$W/img/mine.qcow2\"]"
contains "$(snapshot_prop m1 s2 Disks)" '["vdb","no",""]'

it "the backing chain names each layer's snapshots"
chain=$(busctl --user --json=short call org.virtsnap1 /org/virtsnap1/domain/m1 org.virtsnap1.Domain GetBackingChain s vda)
same "$(jq -r '.data[0][].path.data' <<<"$chain")" "$(chain_of "$(head_of m1 vda)")"
same "$(jq -rc '[.data[0][].snapshots.data | join(",")]' <<<"$chain")" '["","s2","s1"]'
same "$(jq -r '.data[0][0]."virtual-size".data' <<<"$chain")" $((64 << 20))

it "into an overlay that is there already"
qemu-img create -q -f qcow2 -F qcow2 -b "$(head_of m1 vda)" "$W/img/ready.qcow2"
take m1 s3 "{'disk-only': <true>, 'reuse-external': <true>, 'disks': <[('vda', {'file': <'$W/img/ready.qcow2'>}), ('vdb', {'snapshot': <'no'>})]>}"
same "$(head_of m1 vda)" "$W/img/ready.qcow2"
holds "$W/img/ready.qcow2" 0x21 0 64k

it "without metadata nothing is listed, and the disks have moved"
count=$(vs_prop domain/m1 Domain SnapshotCount)
take m1 s4 "{'disk-only': <true>, 'no-metadata': <true>}"
same "$(vs_prop domain/m1 Domain SnapshotCount)" "$count"
[ "$(head_of m1 vda)" != "$W/img/ready.qcow2" ]
listings_agree m1

it "a name that libvirt chooses"
take m1 ''
wait_for 5 listings_agree m1
same "$(vs_prop domain/m1 Domain SnapshotCount)" $((count + 1))

it "a name that is taken, or none for a file"
heads=$(virsh -q domblklist m1)
refused SnapshotExists vs_call domain/m1 Domain CreateSnapshot s1 "{'disk-only': <true>}"
refused InvalidName vs_call domain/m1 Domain CreateSnapshot a/b "{'disk-only': <true>}"
refused InvalidName vs_call domain/m1 Domain CreateSnapshot "$(printf 'x%.0s' {1..248})" "{'disk-only': <true>}"
refused InvalidArgs vs_call domain/m1 Domain CreateSnapshot s9 "{'disk-onyl': <true>}"
refused InvalidArgs vs_call domain/m1 Domain CreateSnapshot s9 "{'disk-only': <'yes'>}"
refused NoSuchDisk vs_call domain/m1 Domain CreateSnapshot s9 "{'disk-only': <true>, 'disks': <[('vdz', {'snapshot': <'external'>})]>}"
same "$(virsh -q domblklist m1)" "$heads"
listings_agree m1

it "the whole XML by hand"
job_done domain/m1 Domain CreateSnapshotXML \
    "<domainsnapshot><name>byhand</name><description>x &lt; y</description></domainsnapshot>" "{'disk-only': <true>}"
same "$(snapshot_prop m1 byhand Description)" "x < y"
refused InvalidXML vs_call domain/m1 Domain CreateSnapshotXML "<domainsnapshot><name>" "$no_options"

it "metadata dropped and put back"
vs_call "$(snapshot_path m1 byhand)" Snapshot GetXML "$no_options" >/dev/null
virsh -q snapshot-dumpxml m1 byhand --security-info >"$W/img/byhand.xml"
virsh -q snapshot-delete m1 byhand --metadata
wait_for 5 refused NoSuchSnapshot vs_call domain/m1 Domain GetSnapshot byhand
heads=$(virsh -q domblklist m1)
job_done domain/m1 Domain CreateSnapshotXML "$(cat "$W/img/byhand.xml")" "{'redefine': <true>, 'current': <true>}"
same "$(snapshot_prop m1 byhand Current)" true
same "$(virsh -q domblklist m1)" "$heads"
listings_agree m1

it "halt stops the machine afterwards"
take m1 last "{'disk-only': <true>, 'halt': <true>}"
same "$(vs_prop domain/m1 Domain State)" shutoff
same "$(virsh -q domstate m1)" "shut off"

it "of a machine that is off"
take m1 offline "{'disk-only': <true>}"
same "$(snapshot_prop m1 offline Consistency)" offline
listings_agree m1
