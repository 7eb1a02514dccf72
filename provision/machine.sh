#!/bin/sh
# Makes a machine ready for both clocks and tries the clock "real" on it. What `vagrant up` runs,
# and what a lab machine needs: sudo provision/machine.sh
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
root=$(dirname -- "$here")
# shellcheck source=provision/messages.sh
. "$here/messages.sh"

usage() {
    cat <<USAGE
Usage: provision/machine.sh

Installs the system packages, starts Open vSwitch, sets Fibercut up as the owner of its folder,
and runs provision/smoke.yaml on this machine's own kernel. Needs root.
USAGE
}

# Runs a command in the project's folder as its owner, so that nothing in it becomes root's.
as_owner() {
    owner=$(stat -c %U -- "$root")
    if [ "$owner" = "$(id -un)" ]; then
        (cd -- "$root" && "$@")
    else
        (cd -- "$root" && runuser -u "$owner" -- "$@")
    fi
}

case ${1-} in
'') ;;
-h | --help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

if [ "$(id -u)" != 0 ]; then
    give_up "this needs root: sudo $(quoted "$here/machine.sh")" 2
fi
"$here/system.sh" --start-services
as_owner ./fibercut doctor
# What runs as root later writes no bytecode into the owner's folder, and would compile each time.
as_owner .venv/bin/python -m compileall -q topologies controller traffic experiments guest
"$root/.venv/bin/python" -B "$here/smoke_test.py"
