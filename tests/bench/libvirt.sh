# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A private bus and a private libvirt session, and what is in them.  Sourced by run.
# shellcheck disable=SC2154  # work, the scratch folder, and commit_mib are run's

declare -a pids=()

background() {
    "$@" >>"$home/log" 2>&1 &
    pids+=("$!")
}

end_last() {
    kill "${pids[-1]}" 2>/dev/null || true
    wait "${pids[-1]}" 2>/dev/null || true
    unset 'pids[-1]'
}

# Ends what this set began: its domains, then its processes, the last one first.
end_all() {
    local domain pid=
    [ ${#pids[@]} -gt 0 ] || return 0
    for domain in live merge; do
        [ ! -e "$home/$domain.xml" ] || virsh -q -c qemu:///session destroy "$domain" >/dev/null 2>&1 || true
    done
    pid=$(daemon_pid 2>/dev/null) || true
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    while [ ${#pids[@]} -gt 0 ]; do end_last; done
}

# until_true SECONDS COMMAND...
until_true() {
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$limit" ] || { echo "waited in vain for: $*" >&2; tail -n 20 "$home/log" >&2; return 1; }
        sleep 0.02
    done
}

wait_name() { until_true 60 busctl --user status "$1"; }

# begin_set NAME: a folder, a bus on which the daemon is activated, a libvirt session
begin_set() {
    home=$work/$1
    mkdir -p "$home/services" "$home/run" "$home/images" "$home/template"
    chmod 700 "$home/run"
    export HOME=$home XDG_RUNTIME_DIR=$home/run XDG_CONFIG_HOME=$home/config XDG_CACHE_HOME=$home/cache \
        XDG_DATA_HOME=$home/data XDG_STATE_HOME=$home/state DBUS_SESSION_BUS_ADDRESS=unix:path=$home/run/bus
    printf '[D-BUS Service]\nName=org.virtsnap1\nExec=%s --user --connect qemu:///session\n' \
        "$work/bin/virtsnapd" >"$home/services/org.virtsnap1.service"
    sed -e "s|@bus@|$home/run/bus|" -e "s|@services@|$home/services|" >"$home/bus.conf" <<'XML'
<busconfig>
  <type>session</type>
  <listen>unix:path=@bus@</listen>
  <servicedir>@services@</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="service_start_timeout">120000</limit>
  <limit name="reply_timeout">600000</limit>
</busconfig>
XML
    background dbus-daemon --nofork --nopidfile --config-file="$home/bus.conf"
    until_true 30 test -S "$home/run/bus"
    background libvirtd
    until_true 60 virsh -q -c qemu:///session uri
}

daemon_pid() {
    busctl --user call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetConnectionUnixProcessID s \
        org.virtsnap1 | cut -d' ' -f2
}

start_daemon() {
    busctl --user --timeout=120 call org.virtsnap1 /org/virtsnap1 org.freedesktop.DBus.Peer Ping >/dev/null
    sleep 1
}

settle() {
    busctl --user --timeout=120 call org.virtsnap1 /org/virtsnap1 org.virtsnap1.Manager Refresh 'a{sv}' 0 >/dev/null
}

domain_xml() { # NUMBER
    printf "<domain type='qemu'><name>d%d</name><uuid>00000000-0000-4000-8000-%012d</uuid><memory>16384</memory>" "$1" "$1"
    printf "<os><type arch='x86_64'>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
    printf "<source file='/nowhere/d%d.qcow2'/><target dev='vda' bus='virtio'/></disk></devices></domain>\n" "$1"
}

# populate DOMAINS SNAPSHOTS: shut-off domains d0, d1, ... with metadata put in place; sN is the child of s((N - 1) / 3)
populate() {
    local d s domain dir=$home/xml
    mkdir -p "$dir"
    for ((d = 0; d < $1; d++)); do
        domain=$(domain_xml "$d")
        echo "$domain" >"$dir/d$d.xml"
        echo "define $dir/d$d.xml"
        for ((s = 0; s < $2; s++)); do
            {
                echo "<domainsnapshot><name>s$s</name><state>shutoff</state><creationTime>$((1000000000 + s))</creationTime>"
                [ "$s" = 0 ] || echo "<parent><name>s$(((s - 1) / 3))</name></parent>"
                echo "<disks><disk name='vda' snapshot='internal'/></disks>$domain</domainsnapshot>"
            } >"$dir/d$d-s$s.xml"
            echo "snapshot-create d$d $dir/d$d-s$s.xml --redefine"
        done
    done >"$home/commands"
    virsh -q -c qemu:///session <"$home/commands" >"$home/populate.log" 2>&1 || { tail -n 5 "$home/populate.log" >&2; return 1; }
}

live_xml() { # NAME IMAGE NUMBER
    cat <<XML
<domain type='qemu'>
  <name>$1</name>
  <uuid>00000000-0000-4000-9000-00000000000$3</uuid>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='$2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
XML
}

# Two paused machines without a guest: one for snapshots, one for merges.  What its overlay is copied from lies in a
# folder of its own: beside the base it would be one more image that backs on it, and protect it.
start_live() {
    local images=$home/images template=$home/template/full.qcow2 size=$((commit_mib + 64)) at
    qemu-img create -q -f qcow2 "$images/live.qcow2" 1G
    qemu-img create -q -f qcow2 "$images/base.qcow2" "${size}M"
    qemu-img create -q -f qcow2 -b "$images/base.qcow2" -F qcow2 "$template" "${size}M"
    for ((at = 0; at < commit_mib; at += 64)); do
        echo "write -q -P 0x5a ${at}M 64M"
    done | qemu-io -f qcow2 "$template" >/dev/null
    live_xml live "$images/live.qcow2" 1 >"$home/live.xml"
    live_xml merge "$images/top.qcow2" 2 >"$home/merge.xml"
    virsh -q -c qemu:///session define "$home/live.xml"
    virsh -q -c qemu:///session define "$home/merge.xml"
    virsh -q -c qemu:///session start --paused live
}

# The machine for merges as it was before the merge; the base keeps its clusters.
live_again() {
    virsh -q -c qemu:///session destroy merge >/dev/null 2>&1 || true
    virsh -q -c qemu:///session define "$home/merge.xml"
    cp --sparse=never "$home/template/full.qcow2" "$home/images/top.qcow2"
    virsh -q -c qemu:///session start --paused merge
    settle
}
