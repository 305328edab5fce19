#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libvirtd goes away and comes back; the daemon stays, says so, and shows everything again.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

disconnected() { is '' Manager Connected false; }

it "gone: Connected is false, the domains leave, look-ups say why"
all_start
machine m1 "$(image a)"
machine_define m2 "$(image b)"
take_disks m1 s1
take_disks m1 s2
events_start
pid=${service_pid[virtsnapd]}
libvirt_stop
wait_for 10 disconnected
wait_for 5 refused Disconnected vs_call '' Manager GetDomain m1
same "$(busctl --user --list tree org.virtsnap1 | grep /domain/ || :)" ''
wait_for 5 grep -q '"member":"InterfacesRemoved".*/domain/m1/s1/s2' "$W/log/events"

it "back: the objects return, with what happened meanwhile"
virsh_meanwhile() { virsh -q snapshot-create-as m1 s3 --disk-only; }
libvirt_start
virsh_meanwhile
wait_for 30 connected
wait_for 10 listings_agree m1
same "$(snapshot_path m1 s3)" /org/virtsnap1/domain/m1/s1/s2/s3
vs_call '' Manager GetDomain m2
kill -0 "$pid"

it "killed and back"
libvirt_kill
wait_for 10 disconnected
libvirt_start
wait_for 30 connected
wait_for 10 listings_agree m1
take_disks m1 s4
listings_agree m1
kill -0 "$pid"
