#!/bin/busybox sh
# The first process of the guest, run from the initramfs: makes the system and hands over to serve.sh.
#
# The root is the host's own, read-only over 9p, under a tmpfs that takes the writes: what is installed on the host is
# installed here, and nothing that is done here lasts. Any failure ends this process, at which the kernel panics and
# the emulator exits: the harness sees that at once and keeps the console's log, where the last words are.
#
# As much as possible is done here rather than in serve.sh: starting busybox costs a tenth of starting a program that
# has to be found, linked and read through 9p.
set -eu

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

while read -r module; do insmod "/modules/$module"; done </modules/order

share() { # TAG DIRECTORY OPTIONS
  mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"
}

# "loose": the host's files are taken not to change while the guest looks at them; without it every look costs a trip
share root /lower ro,cache=loose
mount -t tmpfs -o size=75%,mode=755 overlay /writes
mkdir /writes/upper /writes/work
mount -t overlay -o lowerdir=/lower,upperdir=/writes/upper,workdir=/writes/work overlay /root

for directory in proc sys dev; do mount --move "/$directory" "/root/$directory"; done
mkdir /root/dev/pts /root/dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /root/dev/pts
mount -t tmpfs -o mode=1777 shm /root/dev/shm
ln -s /proc/self/fd /root/dev/fd
ln -s /proc/self/fd/0 /root/dev/stdin
ln -s /proc/self/fd/1 /root/dev/stdout
ln -s /proc/self/fd/2 /root/dev/stderr
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount -t fusectl fusectl /root/sys/fs/fuse/connections

mount -t tmpfs -o mode=755 run /root/run
mount -t tmpfs -o mode=1777 tmp /root/tmp
mkdir -p /root/run/lock /root/run/lab/lower /root/out /root/lib/modules
share out /root/out access=client
# the rest of the kernel's modules; the harness names their directory on the kernel's command line
modules=$(sed -n 's/.*lab\.modules=\([^ ]*\).*/\1/p' /root/proc/cmdline)
mount --bind "/lower$modules" /root/lib/modules

# a checkout below /tmp or /run is there as well, although these are empty
checkout=$(printf %b "$(sed -n 's/.*lab\.checkout=\([^ ]*\).*/\1/p' /root/proc/cmdline)")
case $checkout in
  /tmp/* | /run/*)
    mkdir -p "/root$checkout"
    mount --bind "/lower$checkout" "/root$checkout"
    ;;
esac

ip link set lo up
hostname lab

# Commands get a FIFO for their output: a port can be open once only, while programs may open /dev/stdout again.
mkfifo -m 666 /root/run/lab/stdout /root/run/lab/stderr
cp /serve.sh /fresh-root.sh /traces.sh /root/run/lab/
# for fresh-root.sh
mount --move /lower /root/run/lab/lower
exec switch_root /root /bin/bash /run/lab/serve.sh
