#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Freezing through a real guest agent: thawed in every case, also when the agent hangs.
# shellcheck source=../lib/scenario.sh
. "${0%/*}/../lib/scenario.sh"

# The agent itself stops the agent, a moment after it answered; it goes on after $1 seconds.
agent_hang() {
    local script="sleep 1; kill -STOP \$(cat /run/qemu-ga.pid); sleep $1; kill -CONT \$(cat /run/qemu-ga.pid)"
    virsh -q qemu-agent-command g "{\"execute\": \"guest-exec\", \"arguments\": {
        \"path\": \"/bin/busybox\", \"arg\": [\"sh\", \"-c\", \"${script}\"]}}"
}
agent_hangs() { ! virsh -q qemu-agent-command --timeout 1 g '{"execute":"guest-ping"}'; }
thawed() { agent_up g && ! agent_frozen g; }
beyond() { [ "$(guest_tick g)" -gt "$1" ]; }
lives() { # the guest writes to its disk
    local tick
    tick=$(guest_tick g)
    wait_for 10 beyond $((tick + 1))
}

it "require, with an agent: its file systems are consistent"
all_start
guest_define g "$(guest_root root)"
virsh -q start g
wait_for 120 guest_up g
wait_for 60 agent_up g
wait_for 10 is domain/g Domain AgentConnected true
take g good "{'disk-only': <true>, 'quiesce': <'require'>}"
same "$(snapshot_prop g good Consistency)" filesystem
thawed
lives

it "the frozen image's file system is clean"
qemu-img convert -O raw "$W/img/root.qcow2" "$W/img/root.raw"
PATH=$PATH:/usr/sbin:/sbin fsck.ext4 -fn "$W/img/root.raw"

it "prefer, with an agent"
take g liked "{'disk-only': <true>, 'quiesce': <'prefer'>}"
same "$(snapshot_prop g liked Consistency)" filesystem
thawed

it "without: crash consistent"
take g plain "{'disk-only': <true>, 'quiesce': <'no'>}"
same "$(snapshot_prop g plain Consistency)" crash

it "require, with memory: refused, for libvirt freezes for disks alone"
refused InvalidArgs vs_call domain/g Domain CreateSnapshot bad "{'quiesce': <'require'>}"

it "require, while the agent hangs: fails in time, and is thawed when it comes back"
agent_hang 16
wait_for 10 agent_hangs
count=$(vs_prop domain/g Domain SnapshotCount)
start=$SECONDS
job_start domain/g Domain CreateSnapshot hung "{'disk-only': <true>, 'quiesce': <'require'>}"
job_ends failed AgentUnavailable
note "after $((SECONDS - start)) s"
same "$(vs_prop domain/g Domain SnapshotCount)" "$count"
wait_for 60 thawed
lives
listings_agree g

it "libvirtd dies while it is to freeze: thawed when both are back"
agent_hang 16
wait_for 10 agent_hangs
job_start domain/g Domain CreateSnapshot torn "{'disk-only': <true>, 'quiesce': <'require'>}"
wait_for 10 is "$job" Job Phase 'freezing the guest'
libvirt_kill
libvirt_start
job_ends failed
wait_for 60 thawed
lives
wait_for 20 listings_agree g

it "nobody behind the channel: require fails, prefer makes it and says so"
machine_devices=$agent_channel
machine m "$(image a)"
head=$(head_of m vda)
fails AgentUnavailable domain/m Domain CreateSnapshot s "{'disk-only': <true>, 'quiesce': <'require'>}"
same "$(head_of m vda)" "$head"
take m s "{'disk-only': <true>, 'quiesce': <'prefer'>}"
same "$(snapshot_prop m s Consistency)" crash
