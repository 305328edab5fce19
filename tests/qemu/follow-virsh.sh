#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What virsh does to snapshots is on the bus at once, with its signal, and both list the same tree.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

limit_ms=2000 # of a busy host; an idle one needs a tenth of 200

# told MEMBER SNAPSHOT: the signal about it, and how long after virsh had ended
told() {
    local told_at ms
    wait_for 10 signal_about "$1" "$2"
    told_at=$(signal_about "$1" "$2" | head -n 1 | jq '."timestamp-realtime"')
    ms=$(((told_at - virsh_ended) / 1000))
    note "$1 $2: $((ms > 0 ? ms : 0)) ms"
    [ "$ms" -lt "$limit_ms" ]
}
signal_about() { grep "\"member\":\"$1\"" "$W/log/events" | grep -F "\"$2\""; }
by_virsh() {
    virsh -q "$@"
    virsh_ended=${EPOCHREALTIME/./}
}

it "shows what was there before"
bus_start
libvirt_start
machine m1 "$(image a)"
virsh -q snapshot-create-as m1 old
daemon_start
wait_for 20 listings_agree m1
events_start

it "a snapshot made by virsh"
by_virsh snapshot-create-as m1 s1
told SnapshotCreated s1
listings_agree m1
same "$(snapshot_prop m1 s1 Current)" true

it "a revert by virsh"
by_virsh snapshot-revert m1 old
told SnapshotReverted old
wait_for 5 listings_agree m1
wait_for 5 is "$(snapshot_path m1 old)" Snapshot Current true
same "$(snapshot_prop m1 s1 Current)" false

it "a second branch"
by_virsh snapshot-create-as m1 s2
told SnapshotCreated s2
by_virsh snapshot-create-as m1 s3
told SnapshotCreated s3
listings_agree m1
same "$(snapshot_prop m1 s3 State)" paused

it "busctl tree draws the branches"
tree=$(busctl --user --list tree org.virtsnap1 | grep '/domain/m1/' | sort)
same "$tree" "$(printf '/org/virtsnap1/domain/m1/%s\n' old old/s1 old/s2 old/s2/s3 | sort)"

it "one in the middle, deleted by virsh: what was below moves up"
by_virsh snapshot-delete m1 s2
told SnapshotDeleted s2
wait_for 5 listings_agree m1
same "$(snapshot_path m1 s3)" /org/virtsnap1/domain/m1/old/s3
refused NoSuchSnapshot vs_call domain/m1 Domain GetSnapshot s2

it "its metadata alone, deleted by virsh"
by_virsh snapshot-delete m1 s3 --metadata
told SnapshotDeleted s3

it "redefined by virsh with another text"
virsh -q snapshot-dumpxml m1 s1 | sed 's|<state>|<description>why not</description><state>|' >"$W/img/s1.xml"
virsh -q snapshot-create m1 "$W/img/s1.xml" --redefine
wait_for 5 is "$(snapshot_path m1 s1)" Snapshot Description "why not"

it "a whole subtree, deleted by virsh"
by_virsh snapshot-delete m1 old --children
told SnapshotDeleted s1
told SnapshotDeleted old
listings_agree m1
same "$(vs_prop domain/m1 Domain SnapshotCount)" 0

it "domains that come and go"
machine_define m2 "$(image b)"
wait_for 5 vs_call '' Manager GetDomain m2
same "$(vs_prop domain/m2 Domain State)" shutoff
virsh -q start --paused m2
wait_for 5 is domain/m2 Domain State paused
virsh -q destroy m2
wait_for 5 is domain/m2 Domain State shutoff
virsh -q undefine m2
wait_for 5 refused NoSuchDomain vs_call '' Manager GetDomain m2
