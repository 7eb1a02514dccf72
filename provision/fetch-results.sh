#!/bin/sh
# Copies the results out of the Vagrant machine, into runs/ of this folder. Runs on your computer.
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cd -- "$root"
# shellcheck source=provision/messages.sh
. provision/messages.sh

for program in vagrant rsync; do
    command -v "$program" >/dev/null || give_up "$program is missing: install it, and try again" 2
done

ssh_config=$(mktemp "${TMPDIR:-/tmp}/fibercut-ssh.XXXXXX")
trap 'rm -f -- "$ssh_config"' EXIT
trap 'exit 130' INT TERM HUP
vagrant ssh-config --host fibercut >"$ssh_config" ||
    give_up "the machine does not run (vagrant status tells; vagrant up starts it)" 1
ssh -F "$ssh_config" fibercut 'mkdir -p fibercut/runs'
mkdir -p runs
# A run that is being written (NAME.partial) is none yet.
rsync -a --exclude '*.partial' -e "ssh -F $(quoted "$ssh_config")" fibercut:fibercut/runs/ runs/
say "fibercut: the machine's results are in $root/runs"
