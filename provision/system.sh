#!/bin/sh
# Installs the system packages that Fibercut needs (provision/packages.txt), on Debian and Ubuntu.
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=provision/messages.sh
. "$here/messages.sh"

usage() {
    cat <<USAGE
Usage: provision/system.sh [--missing | --start-services]

Installs through apt the packages of provision/packages.txt that are missing. Needs root.

  --missing         only print the names of what is missing
  --start-services  let the packages start their services (Open vSwitch for the clock "real");
                    otherwise nothing is started
USAGE
}

missing_packages() {
    wanted=$(sed 's/#.*//' "$here/packages.txt" | xargs)
    # shellcheck disable=SC2016,SC2086 # dpkg's own format; one word for each package
    installed=$(dpkg-query -W -f '${db:Status-Status}:${Package} ' $wanted 2>/dev/null || :)
    for package in $wanted; do
        case " $installed" in
        *" installed:$package "*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# Services are held back through Debian's own switch, unless the machine has set one already.
hold_services() {
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

apt() {
    DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

install() {
    log=$(mktemp /tmp/fibercut-apt.XXXXXX)
    say "fibercut: installing system packages through apt: $missing"
    logged "$log" "$log.status" apt update ||
        say "fibercut: apt could not refresh all its lists, going on with those it has"
    # shellcheck disable=SC2086 # one word for each package
    if ! logged "$log" "$log.status" apt install --no-install-recommends $missing; then
        grep -E '^[EW]: ' "$log" | tail -n 5 >&2 || :
        give_up "apt could not install the packages. Is the network up? On Ubuntu, is the component \
\"universe\" enabled? apt's output is in $log; the same command goes on from here." 1
    fi
    rm -f -- "$log"
    say "fibercut: system packages are installed"
}

services=hold
case ${1-} in
'') ;;
--missing) services=none ;;
--start-services) services=start ;;
-h | --help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

command -v dpkg-query >/dev/null || give_up "sets itself up on Debian and Ubuntu only. \
Elsewhere use its virtual machine (vagrant up) or a Debian 12 container." 2
missing=$(missing_packages)
if [ "$services" = none ]; then
    printf '%s\n' "$missing"
    exit 0
fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    say "fibercut: these system packages are missing: $missing"
    say "Install them once as root; everything after that works without root:"
    say ""
    say "    sudo $(quoted "$here/system.sh")"
    exit 2
fi
[ "$services" = start ] || hold_services
install
