#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The daemon starts before libvirt does, says so, and finds it when it comes.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

it "is on the bus, without domains"
bus_start
daemon_start
same "$(vs_prop '' Manager Connected)" false
refused Disconnected vs_call '' Manager GetDomain m1
same "$(vs_call '' Manager ListDomains "$no_options")" "(@a(ssssou) [],)"
contains "$(cat "$W/log/virtsnapd")" libvirt

it "finds libvirt when it comes"
libvirt_start
machine m1 "$(image a)"
wait_for 30 connected
wait_for 10 vs_call '' Manager GetDomain m1
take_disks m1 s1
listings_agree m1
[ -n "$(vs_prop '' Manager LibvirtVersion)" ]
