# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Inside a world (see `world`): a session bus, a libvirtd for qemu:///session and virtsnapd, each started, stopped,
# killed and started again at will.  Sourced; W is the world's folder.

W=${VS_WORLD:?run this through tests/lib/world}
virtsnapd_options=()

# With a terminal at hand virsh starts an agent of polkit, which has no say in here.
if (: </dev/tty) 2>/dev/null; then
    virsh() { setsid --wait virsh "$@"; }
fi

# wait_for SECONDS COMMAND...: until the command succeeds; false, saying what it waited for, when it does not
wait_for() {
    local seconds=$1 deadline
    shift
    deadline=$((${EPOCHREALTIME/./} + seconds * 1000000))
    until "$@" >/dev/null 2>&1; do
        if ((${EPOCHREALTIME/./} > deadline)); then
            echo "# after $seconds s, still not: $*" >&2
            return 1
        fi
        sleep 0.02
    done
}

# what the other side of `wait_for` often needs: gone DIR/FILE, ended PID
gone() { [ ! -e "$1" ]; }
ended() { ! kill -0 "$1"; }
not() { ! "$@"; }

# service_start NAME COMMAND...: in the background, its words into log/NAME, its process in service_pid[NAME]
declare -A service_pid=()
service_start() {
    local name=$1
    shift
    "$@" </dev/null >>"$W/log/$name" 2>&1 &
    service_pid[$name]=$!
}

# service_end NAME SIGNAL: send the signal and wait for the end; the exit status is the service's own
service_end() {
    local name=$1 signal=$2 pid=${service_pid[$1]:-} status=0
    [ -n "$pid" ] || return 0
    unset "service_pid[$name]"
    kill -s "$signal" "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || status=$?
    return "$status"
}

bus_config() {
    cat <<XML
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>unix:path=$W/run/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_replies_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
</busconfig>
XML
}

bus_start() {
    bus_config >"$W/run/bus.conf"
    rm -f "$W/run/bus"
    service_start bus dbus-daemon --config-file="$W/run/bus.conf" --nofork --nopidfile
    wait_for 10 test -S "$W/run/bus"
}
bus_stop() { service_end bus TERM || :; }

# Without virtlogd (QEMU writes its log itself) and without a security driver there is nothing to start on the side.
libvirt_config() {
    mkdir -p "$W/config/libvirt"
    cat >"$W/config/libvirt/qemu.conf" <<CONF
stdio_handler = "file"
security_driver = "none"
CONF
}

libvirt_start() {
    libvirt_config
    rm -f "$W/run/libvirt/libvirt-sock"
    service_start libvirtd libvirtd
    wait_for 20 virsh -q uri
}
libvirt_stop() { service_end libvirtd TERM || :; }
libvirt_kill() { service_end libvirtd KILL || :; }

on_bus() { busctl --user --json=short call org.freedesktop.DBus / org.freedesktop.DBus GetNameOwner s org.virtsnap1; }

# VS_WRAP: words to put before it, as those of valgrind
daemon_start() {
    local -a wrap
    read -ra wrap <<<"${VS_WRAP:-}"
    service_start virtsnapd ${wrap[@]+"${wrap[@]}"} virtsnapd --user ${virtsnapd_options[@]+"${virtsnapd_options[@]}"}
    wait_for 30 on_bus_or_ended
    if ! on_bus >/dev/null 2>&1; then
        log_show virtsnapd
        return 1
    fi
}
on_bus_or_ended() { on_bus || ended "${service_pid[virtsnapd]}"; }

# daemon_stop: politely; it has to leave without a complaint (and without a leak, in a build that counts them)
daemon_stop() {
    local status=0
    service_end virtsnapd TERM || status=$?
    [ "$status" = 0 ] && return 0
    echo "# virtsnapd left with status $status" >&2
    log_show virtsnapd
    return 1
}
daemon_kill() { service_end virtsnapd KILL || :; }

# log_show NAME: a service's log as TAP comments
log_show() { sed 's/^/# | /' "$W/log/$1" >&2; }

# vs_call PATH INTERFACE METHOD [ARGUMENT...]: a call of org.virtsnap1.INTERFACE; the path is below /org/virtsnap1;
# arguments in GVariant's text form.  gdbus and not busctl, for it also prints the error's name.
vs_call() {
    local path=$1 interface=$2 method=$3
    shift 3
    gdbus call --session --timeout 120 --dest org.virtsnap1 --object-path "$(vs_path "$path")" \
        --method "org.virtsnap1.$interface.$method" -- "$@"
}

# vs_prop PATH INTERFACE PROPERTY: its bare value; arrays as JSON
vs_prop() {
    busctl --user --json=short get-property org.virtsnap1 "$(vs_path "$1")" "org.virtsnap1.$2" "$3" |
        jq -rc '.data | if type == "number" then . + 0 else . end'
}

vs_path() {
    case $1 in
    /*) echo "$1" ;;
    '') echo /org/virtsnap1 ;;
    *) echo "/org/virtsnap1/$1" ;;
    esac
}
