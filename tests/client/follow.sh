#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How virtsnapctl follows a job: the bar, Ctrl-C, questions, a daemon that goes and comes back.  Before a service that
# does what it is told (virtsnapd-fake), since only so a job can be held at any point.
# shellcheck source=SCRIPTDIR/../lib/scenario.sh
. "${VS_WORLD:-$(dirname "$0")/..}/lib/scenario.sh"

ctl() { virtsnapctl --user "$@"; }
fake() { busctl --user call org.virtsnap1 /org/virtsnap1 org.virtsnap1.Fake "$@"; }

fake_start() {
    service_start fake virtsnapd-fake "$@"
    wait_for 10 on_bus
}
fake_stop() { service_end fake TERM || :; }
fake_restart() {
    fake_stop
    fake_start "$@"
}

# begin ARGUMENT...: virtsnapctl in the background, without a terminal
begin() {
    : >"$W/out"
    : >"$W/err"
    virtsnapctl --user "$@" </dev/null >"$W/out" 2>"$W/err" &
    client=$!
}

# begin_on_terminal ARGUMENT...: the same on one of 80 columns, with $keys typed into by `type_in`
begin_on_terminal() {
    rm -f "$W/keys"
    mkfifo "$W/keys"
    : >"$W/screen"
    TERM=xterm script -qefc "virtsnapctl --user $*" "$W/screen" <"$W/keys" >/dev/null 2>&1 &
    client=$!
    exec 4>"$W/keys"
}
type_in() { printf '%b' "$1" >&4; }

# ends STATUS: what was begun ends with it
ends() {
    local status=0
    wait "$client" || status=$?
    exec 4>&-
    same "$status" "$1"
}

on_screen() { grep -qF -- "$1" "$W/screen"; }
# follows: the client listens to the job, and waits
follows() {
    busctl --user --json=short call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.Debug.Stats \
        GetAllMatchRules | grep -q "interface='org.virtsnap1.Manager',member='JobRemoved'"
}

job_state() { [ "$(vs_prop job/7 Job State)" = "$1" ]; }

bus_start

it says nothing before the end, and no more than that in the end
fake_start
begin commit web1 vda
wait_for 10 follows
fake Set ssd running copying 0.5
same "$(cat "$W/out" "$W/err")" ''
fake End sss 'done' '' ''
ends 0
same "$(cat "$W/out")" ''
same "$(cat "$W/err")" "Disk 'vda' of 'web1' merged"

it prints the end as JSON
fake_restart
begin commit web1 vda --json -q
wait_for 10 follows
fake End sss 'done' '' ''
ends 0
same "$(jq -c '[.job, .result]' "$W/out")" '[7,"done"]'
same "$(cat "$W/err")" ''

it tells why a job failed, and ends with the status that belongs to it
fake_restart
begin commit web1 vda
wait_for 10 follows
fake End sss failed org.virtsnap1.Error.NoSpace $'no room \e[31m'
ends 1
contains "$(cat "$W/err")" 'no room \x1b[31m'
fake_restart
begin commit web1 vda --json
wait_for 10 follows
fake End sss failed org.virtsnap1.Error.NoSuchSnapshot gone
ends 3
same "$(jq -r .error_name "$W/out")" org.virtsnap1.Error.NoSuchSnapshot

it calls a job that others cancelled a failure, and one cancelled as asked a success
fake_restart
begin commit web1 vda
wait_for 10 follows
fake End sss cancelled '' ''
ends 1
fake_restart job
begin cancel 7
wait_for 10 follows
fake End sss cancelled '' ''
ends 0

it tells of the end of a job that ended before it was asked
begin wait 7
ends 1
contains "$(cat "$W/err")" 'was cancelled'

it only names the job with --no-wait
fake_restart
same "$(ctl commit web1 vda --no-wait)" 7
same "$(ctl commit web1 vda --no-wait --json | jq .job)" 7

it draws a bar on a terminal, and wipes it in the end
fake_restart
begin_on_terminal commit web1 vda
wait_for 10 follows
fake Set ssd running copying 0.25
wait_for 10 on_screen '25%'
on_screen '256.0 MiB of 1.0 GiB'
fake Set ssd running copying 0.5
wait_for 10 on_screen '50%'
fake End sss 'done' '' ''
ends 0
tr '\r' '\n' <"$W/screen" | grep -qF $'\e[K'"Disk 'vda' of 'web1' merged"

it draws none with --quiet
fake_restart
begin_on_terminal -q commit web1 vda
wait_for 10 follows
fake Set ssd running copying 0.25
fake End sss 'done' '' ''
ends 0
not on_screen %

it leaves the job running at Ctrl-C, and says how to come back
fake_restart
begin_on_terminal commit web1 vda
wait_for 10 follows
fake Set ssd running copying 0.25
wait_for 10 on_screen '25%'
type_in '\003'
ends 130
on_screen 'Job 7 goes on. To come back to it: virtsnapctl --user wait 7'
begin wait 7
wait_for 10 follows
fake End sss 'done' '' ''
ends 0

it can be left while the answer is still to come
fake_restart
begin_on_terminal commit web1 vdd
wait_for 10 follows
type_in '\003'
ends 130
on_screen 'Left before the answer came'

it asks before snapshots are lost, and takes everything but yes for no
for answer in 'n\n' '\n' 'yeah\n' '\004'; do
    fake_restart
    begin_on_terminal commit web1 vdb
    wait_for 10 on_screen '[y/N]'
    on_screen '\x1b[31mred'
    type_in "$answer"
    ends 1
done
refused NoSuchJob vs_call '' Manager GetJob 'uint64 7'

it goes on when they may be lost
fake_restart
begin_on_terminal commit web1 vdb
wait_for 10 on_screen '[y/N]'
type_in 'y\n'
wait_for 10 vs_call '' Manager GetJob 'uint64 7'
wait_for 10 follows
fake End sss 'done' '' ''
ends 0

it asks the same when it only turns out once the job has begun
fake_restart
begin_on_terminal commit web1 vda
wait_for 10 follows
fake Set ssd running checking 0
wait_for 10 on_screen checking
fake End sss failed org.virtsnap1.Error.WouldLoseData "'base' would be lost"
wait_for 10 on_screen '[y/N]'
on_screen "'base' would be lost"
type_in 'y\n'
wait_for 10 job_state queued
fake Set ssd running again 0
wait_for 10 on_screen again
fake End sss 'done' '' ''
ends 0

it does not ask without a terminal, but names --force
fake_restart
begin commit web1 vdb
ends 1
contains "$(cat "$W/err")" --force
same "$(ctl commit web1 vdb --force --no-wait)" 7

it tells a missing right from a failure
begin commit web1 vdc
ends 4

it stops at READY when it is to hold the job there
fake_restart
begin commit web1 vda --no-pivot
wait_for 10 follows
fake Set ssd ready complete 0.99
ends 0
contains "$(cat "$W/err")" 'virtsnapctl --user finish 7'

it waits for a daemon that restarts, and goes on with the job
fake_restart
begin commit web1 vda
wait_for 10 follows
fake_stop
wait_for 10 grep -q 'has gone' "$W/err"
fake_start job
fake End sss 'done' '' ''
ends 0
