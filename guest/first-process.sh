#!/bin/sh
# The guest's first process: puts a writable overlay over the host's read-only root,
# mounts what a Linux system has, and goes on as session.sh inside.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

# What programs on the host have left in /run must not be seen: mount itself looks there.
mount -n -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -sfn pts/ptmx dev/ptmx
ln -sfn /proc/self/fd dev/fd
ln -sfn fd/0 dev/stdin
ln -sfn fd/1 dev/stdout
ln -sfn fd/2 dev/stderr
# /tmp stays the overlay's: a checkout or a working directory may lie there.
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p run/fibercut/share run/fibercut/out run/netns run/lock

# The folder shared with the host, and the one whose changes stay. Both are named by way of the
# kernel process's working directory, the same for every guest: what is done before the command
# starts must not depend on where its results go, or the same seed would be another run there.
share=/proc/self/cwd
host_mount() {
    # util-linux 2.39 changed how hostfs's option is passed.
    mount -t hostfs -o "$3" -o "$1" none "$2" || mount -t hostfs -o "$3" -o "hostfs=$1" none "$2"
}
host_mount $share run/fibercut/share sync
host_mount $share/out run/fibercut/out async

# What the command is a part of, and its Python: at the same place wherever they lie on the host,
# because each step of each path that a program takes is a system call of the run.
# Not below /run, which some programs search through.
mkdir .fibercut
mount -t tmpfs -o mode=755 tmpfs .fibercut
for name in source python; do
    [ -L run/fibercut/share/$name ] || continue
    mkdir -p .fibercut/$name .fibercut/lower/$name .fibercut/upper/$name .fibercut/work/$name
    host_mount $share/$name .fibercut/lower/$name ro
    (
        cd .fibercut
        mount -t overlay -o lowerdir=lower/$name,upperdir=upper/$name,workdir=work/$name overlay $name
        umount -l lower/$name
    )
done

# A real root, not a chroot: user namespaces are refused inside a chroot.
pivot_root . mnt
umount -l /mnt
exec /bin/bash /run/fibercut/share/session.sh
