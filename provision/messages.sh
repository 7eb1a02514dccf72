# shellcheck shell=sh
# Sourced by ./fibercut and provision/system.sh: how both speak to the user, always on stderr.

say() {
    printf '%s\n' "$*" >&2
}

# "what is wrong" and an exit status: 2 where the user must change something, 1 where a step failed.
give_up() {
    say "fibercut: $1"
    exit "$2"
}

# A path as it can be pasted into a shell.
quoted() {
    case $1 in
    *[!A-Za-z0-9_./+-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
    esac
}

# Runs a command with its output in a log; on a terminal one line shows where it is.
# logged LOG STATUS_FILE COMMAND...
logged() {
    log=$1 status_file=$2
    shift 2
    { "$@" 2>&1 && echo 0 >"$status_file" || echo $? >"$status_file"; } | tee -- "$log" | progress
    read -r status <"$status_file"
    rm -f -- "$status_file"
    return "$status"
}

progress() {
    if [ ! -t 2 ]; then
        cat >/dev/null
        return
    fi
    count=0
    while IFS= read -r line; do
        case $line in
        Collecting* | *already\ satisfied* | Unpacking* | Setting\ up* | Building* | Installing*)
            count=$((count + 1))
            printf '\r\033[K  %3d  %.70s' "$count" "${line%% (from*}" >&2
            ;;
        esac
    done
    printf '\r\033[K' >&2
}
