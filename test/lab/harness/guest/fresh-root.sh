#!/bin/bash
# COMMAND [ARGUMENT ...]: runs a command on a root of its own, the host's file system as it is: what earlier commands
# have written is not there, and what this one writes goes with it. All else that the kernel holds is the same: devices,
# processes, networks, and what it has in memory of the host's files, which is why this is faster than another machine.
set -eu

if [[ $1 != --inside ]]; then
  exec unshare --mount --propagation private -- bash "$0" --inside "$@"
fi
shift

mount -t tmpfs -o size=75%,mode=755 overlay /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/run/lab/lower,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
for directory in proc sys dev; do mount --rbind "/$directory" "$directory"; done
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p run/lock run/lab/old run/lab/lower out lib/modules
# so that it can be called there as well
cp "$0" run/lab/
mount --bind /run/lab/lower run/lab/lower
mount --bind /out out
mount --bind /lib/modules lib/modules
# as in init.sh
checkout=$(printf %b "$(sed -n 's/.*lab\.checkout=\([^ ]*\).*/\1/p' /proc/cmdline)")
case $checkout in
  /tmp/* | /run/*)
    mkdir -p ".$checkout"
    mount --bind "$checkout" ".$checkout"
    ;;
esac
pivot_root . run/lab/old
cd /
umount --lazy /run/lab/old
exec "$@"
