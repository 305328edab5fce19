# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# First line of every scenario: it then runs in a world of its own, with `it` beginning a case, any command that
# fails ending it, and TAP on standard output.

if [ -z "${VS_WORLD:-}" ]; then
    exec "${BASH_SOURCE[0]%/*}/world" "$0" "$@"
fi
set -eEuo pipefail
# shellcheck source=tests/lib/private.sh
. "$VS_WORLD/lib/private.sh"
# shellcheck source=tests/lib/machine.sh
. "$VS_WORLD/lib/machine.sh"

exec 3>&1 1>&2 # TAP alone on standard output
case_number=0
case_name=
job=                        # the path of the last one
no_options='@a{sv} {}'
failure=

# it WORDS...: from here on, this is what must be true
it() {
    case_end
    case_name=$*
}

case_end() {
    [ -n "$case_name" ] || return 0
    case_number=$((case_number + 1))
    echo "ok $case_number - $case_name" >&3
    case_name=
}

# skip WHY: the case cannot be tried here
skip() {
    case_number=$((case_number + 1))
    echo "ok $case_number - $case_name # SKIP $*" >&3
    case_name=
}

# skip_all WHY: none of them can
skip_all() {
    echo "1..0 # SKIP $*" >&3
    case_number=-1
    exit 0
}

note() { echo "# $*" >&3; }

on_failure() {
    [ -z "$failure" ] || return 0
    failure="$1, at $2"
}
trap 'on_failure "$BASH_COMMAND" "${BASH_SOURCE[0]##*/}:$LINENO"' ERR

on_exit() {
    local status=$1
    trap - ERR EXIT
    [ "$case_number" -ge 0 ] || exit "$status"
    # a daemon that cannot end well, or ended already, fails the case it ended in
    if [ "$status" = 0 ] && ! daemon_stop; then
        status=1 failure="stopping virtsnapd"
    fi
    if [ "$status" = 0 ]; then
        case_end
    else
        case_number=$((case_number + 1))
        echo "not ok $case_number - ${case_name:-setting up}" >&3
        echo "# failed: ${failure:-exit $status}" >&3
        echo "# failed: ${failure:-exit $status}" >&2
        for log in virtsnapd libvirtd; do
            [ ! -s "$W/log/$log" ] || { echo "# $log's log:" >&2; log_show "$log" 2>&1 | tail -n 60 >&2; }
        done
    fi
    echo "1..$case_number" >&3
    exit "$status"
}
trap 'on_exit $?' EXIT

# same GOT WANT
same() {
    [ "$1" = "$2" ] && return 0
    printf '# got:    %s\n# wanted: %s\n' "$1" "$2" >&2
    return 1
}

# contains TEXT PART
contains() {
    [[ $1 == *"$2"* ]] && return 0
    printf '# got:         %s\n# to be found: %s\n' "$1" "$2" >&2
    return 1
}

# refused ERROR COMMAND...: the command fails with this error (the end of its name is enough)
refused() {
    local error=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "# not refused: $*: $out" >&2
        return 1
    fi
    contains "$out" "$error: "
}

# everything: a bus, a libvirt and the daemon, in their natural order
all_start() {
    bus_start
    libvirt_start
    daemon_start
    wait_for 20 connected
}
connected() { [ "$(vs_prop '' Manager Connected)" = true ]; }

# job_start PATH INTERFACE METHOD [ARGUMENT...]: begins one; leaves its path in $job
job_start() {
    local out
    out=$(vs_call "$@")
    job=${out##*objectpath \'}
    job=${job%%\'*}
}

# job_ends RESULT [ERROR]: wait for the end of $job
job_ends() {
    local out
    out=$(vs_call "$job" Job Wait 'uint64 60000000')
    [[ $out == "('$1', "* ]] && contains "$out" "${2:-}" && return 0
    echo "# $job ended with $out, and not $*" >&2
    vs_prop "$job" Job Log >&2
    return 1
}

# job_done PATH INTERFACE METHOD [ARGUMENT...]: begin one and see it succeed
job_done() {
    job_start "$@"
    job_ends 'done'
}


# fails ERROR PATH INTERFACE METHOD [ARGUMENT...]: with this error (a part of its name), at once or as a job
fails() {
    local error=$1 out
    shift
    if out=$(vs_call "$@" 2>&1); then
        job=$(grep -oE "/org/[^']+" <<<"$out")
        job_ends failed "$error"
    else
        contains "$out" "$error"
    fi
}

# take DOMAIN NAME [OPTIONS]: a snapshot; options as GVariant text
take() { job_done "domain/$1" Domain CreateSnapshot "$2" "${3:-$no_options}"; }
take_disks() { take "$1" "$2" "{'disk-only': <true>}"; }

# snapshot_path DOMAIN NAME
snapshot_path() { vs_call "domain/$1" Domain GetSnapshot "$2" | cut -d "'" -f 2; }
snapshot_prop() { vs_prop "$(snapshot_path "$1" "$2")" Snapshot "$3"; }

# Both listings in one form, a line each: name and parent
listing_here() {
    busctl --user --json=short call org.virtsnap1 "/org/virtsnap1/domain/$1" org.virtsnap1.Domain ListSnapshots \
        'a{sv}' 0 | jq -r '.data[0][] | "\(.[0]) \(.[2])"' | sort
}
listing_virsh() {
    local name
    virsh -q snapshot-list "$1" --name | while read -r name; do
        [ -z "$name" ] || echo "$name $(virsh -q snapshot-parent "$1" "$name" 2>/dev/null || :)"
    done | sort
}
listings_agree() { same "$(listing_here "$1")" "$(listing_virsh "$1")"; }

# events_start: from now on every message of the bus goes to log/events, as a line of JSON
events_start() {
    service_start events busctl --user --json=short monitor org.virtsnap1
    wait_for 10 events_flow
}
events_flow() { # something must happen to be seen
    busctl --user call org.virtsnap1 /org/virtsnap1 org.freedesktop.DBus.Peer Ping
    grep -q . "$W/log/events"
}
events() { grep '^{' "$W/log/events"; }
# signals: "member payload" of each signal so far
signals() { events | jq -rc 'select(.type == "signal") | "\(.member) \(.payload.data)"'; }

# For wait_for: is PATH INTERFACE PROPERTY VALUE, at_least PATH INTERFACE PROPERTY NUMBER, no_block_job DOMAIN
is() { [ "$(vs_prop "$1" "$2" "$3")" = "$4" ]; }
at_least() { [ "$(vs_prop "$1" "$2" "$3")" -ge "$4" ]; }
no_block_job() { [[ $(virsh blockjob "$1" vda --info 2>&1) == *"No current block job"* ]]; }
