# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Virtual machines for tests.  Emulated always: these have to run where /dev/kvm is missing, or not ours.

# image NAME [SIZE]: a new qcow2 image; prints its path
image() {
    local file=$W/img/$1.qcow2
    qemu-img create -q -f qcow2 "$file" "${2:-64M}"
    echo "$file"
}

# machine_xml NAME MEMORY BOOT DEVICES DISK...: the definition; DISK is the path of a qcow2 image, vda, vdb...
machine_xml() {
    local name=$1 memory=$2 boot=$3 devices=$4 disk letter
    shift 4
    cat <<XML
<domain type='qemu'>
  <name>$name</name>
  <memory unit='MiB'>$memory</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>$boot</os>
  <features><acpi/></features>
  <devices>
XML
    for letter in a b c d e f; do
        [ $# -gt 0 ] || break
        disk=$1
        shift
        cat <<XML
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='$disk'/><target dev='vd$letter' bus='virtio'/>
    </disk>
XML
    done
    cat <<XML
    $devices
  </devices>
</domain>
XML
}

machine_devices= # more of them, for the machines defined next

# machine_define NAME DISK...: a machine of 16 MiB without anything to boot
machine_define() {
    machine_xml "$1" 16 '' "$machine_devices" "${@:2}" >"$W/img/$1.xml"
    virsh -q define "$W/img/$1.xml"
}

# machine NAME DISK...: the same, started and paused before its first instruction: enough for disks and block jobs
machine() {
    machine_define "$@"
    virsh -q start --paused "$1"
}

agent_channel="<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"

# guest_define NAME DISK...: a machine that boots the small guest, with vda being its root (guest_root)
guest_define() {
    machine_xml "$1" 96 "<kernel>$W/guest/vmlinuz</kernel><initrd>$W/guest/initrd.gz</initrd>
      <cmdline>console=ttyS0 panic=1 quiet</cmdline>" \
        "$agent_channel<serial type='file'><source path='$W/log/$1.console'/></serial>" "${@:2}" >"$W/img/$1.xml"
    virsh -q define "$W/img/$1.xml"
}

# guest_root NAME: a fresh copy of the guest's root disk; prints its path
guest_root() {
    cp "$W/guest/root.qcow2" "$W/img/$1.qcow2"
    echo "$W/img/$1.qcow2"
}

guest_ticks() { grep -c '^tick' "$W/log/$1.console"; }
guest_tick() { grep '^tick' "$W/log/$1.console" | tail -n 1 | tr -dc 0-9; }
guest_up() { grep -q GUEST-UP "$W/log/$1.console"; }
agent_up() { virsh -q qemu-agent-command "$1" '{"execute":"guest-ping"}'; }
agent_frozen() { virsh -q qemu-agent-command "$1" '{"execute":"guest-fsfreeze-status"}' | grep -q frozen; }

# monitor NAME COMMAND: of QEMU's own monitor
monitor() { virsh -q qemu-monitor-command "$1" --hmp "$2"; }

# disk_write NAME NUMBER PATTERN OFFSET LENGTH: write to the disk (0 is vda) of a running machine, and flush
disk_write() {
    disk_command "$1" "$2" "write -P $3 $4 $5"
    disk_flush "$1" "$2"
}
# disk_flush NAME NUMBER: until then readers outside may see old metadata
disk_flush() { disk_command "$1" "$2" flush; }

# What it prints goes to QEMU's log; the answer is empty unless it failed.
disk_command() {
    local out
    out=$(monitor "$1" "qemu-io -d /machine/peripheral/virtio-disk$2/virtio-backend \"$3\"")
    [ -z "${out//[[:space:]]/}" ] && return 0
    echo "# $3 on disk $2 of $1: $out" >&2
    return 1
}

# holds FILE PATTERN OFFSET LENGTH: what a reader of the image (and all below it) finds there
holds() {
    local out
    if ! out=$(qemu-io -U -r -f qcow2 -c "read -P $2 $3 $4" "$1" 2>&1) || [[ $out == *failed* ]]; then
        echo "# $1 does not hold $2 at $3+$4: $out" >&2
        return 1
    fi
}

# head_of NAME DISK: the file that the disk runs on now
head_of() { virsh -q domblklist "$1" | awk -v disk="$2" '$1 == disk { print $2 }'; }

# chain_of FILE: the image and everything below, one path a line
chain_of() { qemu-img info -U --backing-chain --output=json "$1" | jq -r '.[].filename'; }
