# Process 1 of the guest: Open vSwitch, the command, its exit status to the host, power off.
# Its own messages go to the guest's log.
share=/run/fibercut/share
# shellcheck source=/dev/null
. "$share/session.conf" # clock, openvswitch, console: written by guest/share.py

start_openvswitch() {
    local warm_up= standing=
    # Open vSwitch counts the cores only once the monotonic clock has passed 10 s, and
    # forwards nothing before: in virtual time let them pass, else show it a later clock.
    if [ "$clock" = virtual ]; then
        sleep 11
        standing=CLOCK_STANDS_STILL=1
    else
        warm_up='unshare --time --monotonic 11 --fork'
    fi
    mkdir -p /run/openvswitch /var/log/openvswitch
    mount -t tmpfs tmpfs /var/log/openvswitch
    ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server /run/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock \
        --pidfile --detach --no-chdir -vconsole:off -vsyslog:off \
        --log-file=/var/log/openvswitch/ovsdb-server.log
    ovs-vsctl --no-wait init
    # A program of its own: where it lies, the builder may start the switches' daemon anew.
    # For the library see switches.c. The machine's routes matter to tunnels of the
    # userspace datapath only, and cost time that grows with the square of the interfaces. There
    # is no syslog to try at each message, and a message for each port would be a third of the
    # system calls that adding it takes.
    cat >/run/fibercut/start-switches <<EOF
#!/bin/sh
$standing LD_PRELOAD=$share/switches.so exec $warm_up ovs-vswitchd --pidfile --detach --no-chdir \\
    -vconsole:off -vsyslog:off -vbridge:file:warn --disable-system-route \\
    --log-file=/var/log/openvswitch/ovs-vswitchd.log
EOF
    chmod 700 /run/fibercut/start-switches
    /run/fibercut/start-switches
}

# Arguments: standard input, output and error, then setsid's options. The redirections are made
# inside, so that bash's own words on a killed command do not go to the command's output.
run_command() (
    exec <"$1" >"$2" 2>"$3"
    shift 3
    mapfile -d '' -t environment <"$share/environment"
    mapfile -d '' -t command <"$share/command"
    read -r -d '' directory <"$share/directory"
    cd "$directory" || exit 126
    echo "$BASHPID" >/run/fibercut/command.pid
    exec env -i -- "${environment[@]}" setsid "$@" -- "${command[@]}"
)

# The host's wish to stop comes over a serial line; reading it costs nothing until then.
obey_host() {
    local signal pid
    while read -r signal; do
        until [ -s /run/fibercut/command.pid ]; do sleep 0.01; done
        read -r pid </run/fibercut/command.pid
        kill -s "$signal" -- "-$pid"
    done </dev/ttyS0
}

# The last output is in the pipes when the command ends; daemons may hold them open for ever.
drain() {
    local _
    for _ in {1..50}; do
        kill -0 "$@" 2>/dev/null || return 0
        sleep 0.01
    done
}

ip link set lo up
hostname guest
ulimit -n 65536
ulimit -c 0
# A process that the kernel picks and kills would falsify a run; a panic is noticed.
echo 1 >/proc/sys/vm/panic_on_oom
[ "$openvswitch" = no ] || start_openvswitch

obey_host &
echo "$EPOCHREALTIME" >"$share/started"
if [ "$console" = yes ]; then
    run_command /dev/tty1 /dev/tty1 /dev/tty1 --ctty
    ended="$? $EPOCHREALTIME"
else
    mkfifo -m 600 /run/fibercut/stdout /run/fibercut/stderr
    cat </run/fibercut/stdout >"$share/stdout" & pumps=($!)
    cat </run/fibercut/stderr >"$share/stderr" & pumps+=($!)
    run_command "$share/stdin" /run/fibercut/stdout /run/fibercut/stderr
    ended="$? $EPOCHREALTIME"
    drain "${pumps[@]}"
fi
echo "$ended" >"$share/status"

kill -TERM -1
sleep 0.05
kill -KILL -1
sync
echo o >/proc/sysrq-trigger
sleep 100
