#!/bin/bash
# The first process of the guest once its root is there: says "ready", then runs one command after another for the
# host until the host turns the machine off.
#
# Channels (virtio-serial ports, known by their names):
#   control  host to guest: a command as NUL-terminated fields: mark, terminal ("" or "ROWS COLUMNS"), argc, argv...
#            guest to host: "ready\n", then "done STATUS\n" for each command
#   stdout, stderr   what the command prints, followed by the mark, so that the host knows that it has seen all of it
#   /dev/hvc0        a terminal for interactive commands
set -eu

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8

# The kernel numbers the ports as it likes, and may find them a little after the driver is loaded.
declare -A ports
until [[ -v ports[control] && -v ports[stdout] && -v ports[stderr] && -c /dev/hvc0 ]]; do
  for port in /sys/class/virtio-ports/*; do
    [[ -f $port/name ]] && ports[$(<"$port/name")]=/dev/${port##*/}
  done
done
cat /run/lab/stdout >"${ports[stdout]}" &
cat /run/lab/stderr >"${ports[stderr]}" &
# our own ends stay open: the cats never see an end of file, whoever else comes and goes
exec 3<>"${ports[control]}" 4<>/run/lab/stdout 5<>/run/lab/stderr

field() { IFS= read -r -d '' "$1" <&3; }

printf 'ready\n' >&3
while field mark; do
  field terminal
  field count
  command=()
  for ((i = 0; i < count; i++)); do
    field word
    command+=("$word")
  done
  status=0
  if [[ -n $terminal ]]; then
    stty sane rows "${terminal% *}" cols "${terminal#* }" </dev/hvc0
    setsid -c -w "${command[@]}" </dev/hvc0 >/dev/hvc0 2>&1 3<&- 4<&- 5<&- || status=$?
    printf %s "$mark" >/dev/hvc0
  else
    setsid -w "${command[@]}" </dev/null >/run/lab/stdout 2>/run/lab/stderr 3<&- 4<&- 5<&- || status=$?
    printf %s "$mark" >&4
    printf %s "$mark" >&5
  fi
  printf 'done %d\n' "$status" >&3
done
