#!/bin/bash
# Prints what a command can leave behind outside its root: block devices in use, network interfaces and namespaces,
# processes. Nothing is started for it.
set -eu
shopt -s nullglob

for file in /sys/block/loop*/loop/backing_file /sys/block/dm-*/dm/name /sys/block/nbd*/pid; do
  printf '%s %s\n' "${file%/*}" "$(<"$file")"
done
for interface in /sys/class/net/*; do printf '%s\n' "$interface"; done
for connection in /sys/fs/fuse/connections/*; do printf '%s\n' "$connection"; done
for process in /proc/[0-9]*; do
  # kernel threads have no executable, and come and go
  if [[ $process -ef /proc/$$ || ! -e $process/exe ]]; then continue; fi
  printf 'process %s\n' "$(<"$process/comm")"
done
