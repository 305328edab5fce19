#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# virtsnapctl before the real daemon on libvirt's test driver: what is printed where, as virsh prints it where virsh
# does, in JSON, and with which status it ends; with names of others that mean no good.
# shellcheck source=SCRIPTDIR/../lib/scenario.sh
. "${VS_WORLD:-$(dirname "$0")/..}/lib/scenario.sh"

ctl() { virtsnapctl --user "$@"; }

# exits STATUS COMMAND...: what it printed goes to out and err
exits() {
    local wanted=$1 status=0
    shift
    "$@" >"$W/out" 2>"$W/err" </dev/null || status=$?
    same "$status" "$wanted"
}
out() { cat "$W/out"; }
err() { cat "$W/err"; }

# on_terminal COMMAND...: the same on a terminal; what it showed is printed, without the carriage returns
on_terminal() {
    TERM=xterm script -qefc "$*" "$W/screen" </dev/null >/dev/null 2>&1 || :
    sed -e '/^Script /d' "$W/screen" | tr -d '\r'
}

# snapshot_xml NAME: as the test driver takes it from its own file; NAME is escaped already
snapshot_xml() {
    cat <<XML
<test:domainsnapshot>
  <name>$1</name><state>running</state><creationTime>1700000000</creationTime><active>0</active>
  <domain type='test'>
    <name>foreign</name><uuid>004b96e1-2d78-c30f-5aa5-f03c87d21e69</uuid>
    <memory>1024</memory><os><type>hvm</type></os>
  </domain>
</test:domainsnapshot>
XML
}

# What others may have put into libvirt: control characters, directions, formats, markup.
hostile_names=($'a\tb\nc' $'\u202egpj.exe' '%n%s' '<&">' --all 日本語 $'\u0085')
hostile_host() {
    local name
    echo "<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
      <name>foreign</name><uuid>004b96e1-2d78-c30f-5aa5-f03c87d21e69</uuid>
      <memory>1024</memory><os><type>hvm</type></os>"
    for name in "${hostile_names[@]}"; do
        snapshot_xml "$(jq -nr --arg name "$name" '$name | @html | gsub("\t"; "&#9;") | gsub("\n"; "&#10;")')"
    done
    echo "</domain>
    <domain type='test'><name>ev&#x202e;il</name><uuid>004b96e1-2d78-c30f-5aa5-f03c87d21e70</uuid>
      <memory>1024</memory><os><type>hvm</type></os></domain></node>"
}

# the same tree here and in a virsh of its own: the test driver lives and dies with the process
tree_here() {
    ctl create test base "first one" &&
        ctl create test p1 &&
        ctl create test p2 &&
        ctl current test p1 &&
        ctl create test q1 &&
        ctl current test base &&
        ctl create test r1
}
tree_virsh() {
    virsh -c test:///default "snapshot-create-as test base 'first one'; snapshot-create-as test p1
        snapshot-create-as test p2; snapshot-revert test p1; snapshot-create-as test q1
        snapshot-revert test base; snapshot-create-as test r1; echo -----; $1" | sed '1,/^-----$/d'
}
without_times() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [+-][0-9]{4}/TIME/'; }
without_empty_end() { sed -e '$ { /^$/d }'; }

# as_virsh OURS THEIRS: both print the same, but for virsh's empty last line and the times
as_virsh() {
    # shellcheck disable=SC2086 # a command line of plain words
    same "$(ctl $1 | without_times)" "$(tree_virsh "$2" | without_times | without_empty_end)"
}

bus_start

it says that there is no daemon, and how to get one
exits 1 ctl domains
contains "$(err)" 'virtsnapd --user'
same "$(out)" ''

it says that there is no bus
exits 1 env DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere virtsnapctl --user domains
contains "$(err)" 'session bus'
exits 1 env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere virtsnapctl domains
contains "$(err)" 'system bus'

it ends with 2 where it is not called as it can be
for arguments in '' 'nothing' 'list' 'list a b' 'list a --nothing' 'info test' 'info test a --current' 'wait x' \
    'list test --tree --name' 'list test --descendants' 'delete test a --children --children-only' \
    'revert test a --running --paused' 'create test --diskspec a,b' 'create test --memspec' 'bandwidth 1 10Q' \
    'commit test vda --pivot --keep-overlay' 'commit test vda --timeout never' '-H host domains'; do
    # shellcheck disable=SC2086 # split as a shell would
    exits 2 ctl $arguments
    same "$(out)" ''
done

it helps with all verbs and with each
exits 0 ctl --help
same "$(err)" ''
verbs=$(sed -nE 's/^  ([a-z-]+) .*/\1/p' "$W/out")
contains "$verbs" watch
for verb in $verbs; do
    exits 0 ctl "$verb" --help
    contains "$(out)" "Usage: virtsnapctl $verb"
done
exits 0 virtsnapctl --version
contains "$(out)" 'virtsnapctl '

it lists the domains
virtsnapd_options=(--connect test:///default)
daemon_start
wait_for 20 connected
exits 0 ctl domains
same "$(head -n 1 "$W/out")" ' Name   State     Current   Snapshots'
contains "$(out)" ' test   running   -         0'
same "$(ctl domains --json | jq -c 'map([.name, .state, .snapshots])')" '[["test","running",0]]'

it prints a list without snapshots as virsh does
same "$(ctl list test)" "$(virsh -c test:///default snapshot-list test | without_empty_end)"

it takes snapshots, and says so on stderr alone
exits 0 tree_here
same "$(out)" ''
same "$(head -n 1 "$W/err")" "Snapshot 'base' of 'test' taken"

it prints lists, trees and facts as virsh does
as_virsh 'list test' 'snapshot-list test'
as_virsh 'list test --parent' 'snapshot-list test --parent'
as_virsh 'list test --tree' 'snapshot-list test --tree'
as_virsh 'list test --tree --from p1' 'snapshot-list test --tree --from p1'
as_virsh 'list test --name' 'snapshot-list test --name'
as_virsh 'list test --roots' 'snapshot-list test --roots'
as_virsh 'list test --leaves' 'snapshot-list test --leaves'
as_virsh 'list test --no-leaves' 'snapshot-list test --no-leaves'
as_virsh 'list test --from base' 'snapshot-list test --from base'
as_virsh 'list test --from base --descendants' 'snapshot-list test --from base --descendants'
as_virsh 'list test --current' 'snapshot-list test --current'
as_virsh 'current test --name' 'snapshot-current test --name'
same "$(ctl info test p1 | head -n 9)" "$(tree_virsh 'snapshot-info test p1' | without_empty_end)"
same "$(ctl info test --current | head -n 3)" "$(tree_virsh 'snapshot-info test --current' | head -n 3)"

it draws the trees of all domains, with lines where the locale has them
same "$(ctl tree | sed -E 's/ +running.*//')" 'test
└─ base
   ├─ p1
   │  ├─ p2
   │  └─ q1
   └─ r1 *'
contains "$(LC_ALL=C virtsnapctl --user tree test)" '  +- base'
contains "$(on_terminal virtsnapctl --user tree)" $'\e['
case $(NO_COLOR=1 on_terminal virtsnapctl --user tree) in *$'\e['*) false ;; esac

it prints everything in JSON
same "$(ctl tree --json | jq -c '.[0].snapshots | map([.name, .parent, .current])' | jq -c 'sort')" \
    '[["base","",false],["p1","base",false],["p2","p1",false],["q1","p1",false],["r1","base",true]]'
same "$(ctl --json list test --topological | jq -r '.[0].name')" base
same "$(ctl info test p1 --json | jq -c '[.name, .domain, .parent, .children, .descendants, .metadata]')" \
    '["p1","test","base",["p2","q1"],2,true]'
same "$(ctl info test p1 --json | jq '.creation_time / 1000000 | (now - .) | . > -5 and . < 300')" true
ctl xml test p1 --json | jq -e '.xml | startswith("<domainsnapshot>")'
ctl current test --json --name | jq -e '.name == "r1"'
ctl jobs --json | jq -e 'type == "array"'
ctl jobs --ended --json | jq -e 'length > 0 and all(.[]; .state == "done")'
ctl create test j1 --json | jq -e '.result == "done" and .snapshot == "j1" and .job > 0'

it prints the name that libvirt chose
exits 0 ctl create test
same "$(err)" ''
ctl info test "$(out)"
ctl delete test "$(out)"

it takes a snapshot from XML, from a file and from stdin
echo '<domainsnapshot><name>x1</name><description>d</description></domainsnapshot>' >"$W/x1.xml"
same "$(ctl create-xml test "$W/x1.xml")" x1
same "$(echo '<domainsnapshot><name>x2</name></domainsnapshot>' | ctl create-xml test -)" x2
exits 1 ctl create-xml test "$W/no-such-file"
exits 1 ctl create-xml test /dev/zero
contains "$(err)" 'larger than 1 MiB'

it changes what is known of a snapshot
ctl describe test p1 'two words'
contains "$(ctl info test p1)" 'Description:    two words'
ctl current test p2
same "$(ctl current test --name)" p2
ctl protect test p2
contains "$(ctl info test p2)" 'Protected:      yes'
contains "$(ctl tree)" protected

it goes back to a snapshot
exits 0 ctl revert test p1
same "$(err)" "'test' is back at 'p1'"
same "$(ctl current test --name)" p1
exits 0 ctl revert test --current

it does not delete what is protected, but names the way out
exits 1 ctl delete test p2
contains "$(err)" unprotect
ctl delete test p2 --force
exits 3 ctl info test p2

it names what is not there, and ends with 3
exits 3 ctl list nowhere
contains "$(err)" "'nowhere'"
exits 3 ctl info test nothing
exits 3 ctl delete test nothing
exits 3 ctl wait 4711
exits 3 ctl chain test vdz
contains "$(err)" "'vdz'"

it says nothing with --quiet but errors
exits 0 ctl -q create test silent
same "$(out)$(err)" ''
exits 3 ctl -q info test nothing
contains "$(err)" nothing

it leaves it at one job and its number with --no-wait
job=$(ctl create test later --no-wait)
ctl wait "$job"
ctl info test later

it ends quietly when nobody reads, and not when nothing can be written
set +o pipefail
ctl list test 2>"$W/err" | head -n 0
same "$(cat "$W/err")" ''
ctl tree --json 2>"$W/err" | head -c 1
same "$(cat "$W/err")" ''
set -o pipefail
status=0
ctl list test >/dev/full 2>"$W/err" || status=$?
same "$status" 1
contains "$(err)" 'cannot write'

it watches what happens, one line an event
: >"$W/events"
virtsnapctl --user watch >"$W/events" &
watch=$!
virtsnapctl --user watch --json >"$W/events.json" &
watch_json=$!
watches() {
    [ "$(busctl --user --json=short call org.freedesktop.DBus /org/freedesktop/DBus \
        org.freedesktop.DBus.Debug.Stats GetAllMatchRules | grep -o "type='signal',sender='org.virtsnap1'" |
        wc -l)" -ge "$1" ]
}
wait_for 10 watches 2
ctl create test seen
ctl delete test seen
wait_for 10 grep -q "snapshot 'seen' deleted" "$W/events"
grep -q "test: snapshot 'seen' created" "$W/events"
wait_for 10 grep -q '"event":"snapshot-deleted"' "$W/events.json"
jq -e -s 'map(.event) | contains(["job-new", "snapshot-created", "job-removed", "snapshot-deleted"])' "$W/events.json"
kill "$watch" "$watch_json"
wait "$watch" "$watch_json" || :

it stops watching when nobody reads
mkfifo "$W/pipe"
virtsnapctl --user watch >"$W/pipe" &
watch=$!
exec 5<"$W/pipe"
wait_for 10 watches 1
exec 5<&-
wait_for 10 ended "$watch"
wait "$watch" || :

it deletes a whole branch
ctl delete test base --children
same "$(ctl list test --name | grep -c -e base -e p1 || :)" 0

it shows names that mean no good, and does nothing that they say
daemon_stop
hostile_host >"$W/host.xml"
# shellcheck disable=SC2034 # daemon_start reads it
virtsnapd_options=(--connect "test://$W/host.xml")
daemon_start
wait_for 20 connected
same "$(ctl list foreign --json | jq -r 'map(.name) | sort | @json')" \
    "$(jq -nr '$ARGS.positional | sort | @json' --args -- "${hostile_names[@]}")"
for arguments in 'list foreign' 'list foreign --tree' tree domains 'list foreign --json' 'tree --json'; do
    shown=$(on_terminal "NO_COLOR=1 virtsnapctl --user $arguments")
    same "$(grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\x{202e}|\x{85}' <<<"$shown" || :)" 0
done
shown=$(on_terminal "NO_COLOR=1 virtsnapctl --user list foreign --name")
contains "$shown" 'a\tb\nc'
contains "$shown" '\u202egpj.exe'
same "$(wc -l <<<"$shown")" "${#hostile_names[@]}"
contains "$(ctl domains)" 'ev\u202eil'

it can name each of them
for name in "${hostile_names[@]}"; do
    exits 0 ctl info foreign -- "$name"
    exits 0 ctl delete foreign -- "$name"
done
same "$(ctl list foreign --name)" ''

it does not make new ones
for name in $'a\nb' $'\u202ex' a/b .x "$(printf '%200s' x)"; do
    exits 1 ctl create foreign -- "$name"
done
exits 2 ctl create foreign $'\xff'
same "$(ctl list foreign --name)" ''
