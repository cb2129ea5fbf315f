/**
 * The page of a recovery kit: every command that a person types who has a Linux at hand and no luksmith. Pure. The commands
 * are the lines that are indented by four; a test follows them as they are printed.
 */

import { shellWord } from "../../common/shell-word.ts";
import { formatBytes } from "../../common/units.ts";
import type { RecoveryKit } from "../../proto/gen/luksmith/v1/agent.ts";

/** The names in the directory of a kit. */
export const kitFiles = {
  header: "header.luks",
  passphrase: "passphrase.txt",
  qr: "passphrase.svg",
  knownHosts: "known_hosts",
  text: "RECOVERY.txt",
  pdf: "RECOVERY.pdf",
} as const;

/** For known_hosts: a port other than 22 is part of the name. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT */
export function knownHostsText({ host, port, hostKeys }: RecoveryKit): string {
  const name = port === 22 ? host : `[${host}]:${port}`;
  return hostKeys.map((key) => `${name} ${key}\n`).join("");
}

export function kitPage(kit: RecoveryKit, passphrase: string): string {
  const { volume, hostname, user, port, image, filesystem } = kit;
  const host = kit.host.includes(":") ? `[${kit.host}]` : kit.host;
  const mapping = `${volume}-backup`;
  const made = (kit.madeAt ?? new Date(0)).toISOString().slice(0, 10);
  const place = kit.path === "." ? image : `${kit.path.replace(/\/$/, "")}/${image}`;
  const login = `${user}@${host}`;
  const known = `-o UserKnownHostsFile="$KIT/${kitFiles.knownHosts}"`;
  const [job = "JOB"] = kit.jobs;
  const journal = filesystem === "btrfs" ? "ro,rescue=nologreplay" : "ro,noload";
  return `RECOVERY KIT of the backup volume "${volume}" of ${hostname}, made on ${made}

Keep this from everybody: with it and the image all of the backup can be read.

Recovery passphrase:   ${passphrase}

Image: ${image}, ${formatBytes(kit.imageSize)}, LUKS2 with ${filesystem} in it, UUID ${kit.luksUuid}
Where: the host ${kit.host}, port ${port}, user ${user}, path ${place}

Type what is indented, as root (sudo -i), on any Linux with cryptsetup; a live system will do. On Debian or
Ubuntu first: apt-get install cryptsetup-bin openssh-client sshfs. Nothing here changes the backup.

0. FILL IN where this kit is; without it, leave it out, and take 2b below.
    KIT=/media/usb/kit

1. GET THE IMAGE, in one of these ways. Your ssh key must be let in there for the user ${user} (${hostname}
   had its own, ${kit.identity}).
 1a. Copy it. What is empty in it takes room as well: ${formatBytes(kit.imageSize)}.
    mkdir -p /srv/image
    sftp ${known} -P ${port} ${shellWord(`${login}:${place}`)} /srv/image/
    IMAGE=/srv/image/${image}
 1b. Or leave it there. The second mount keeps that host from handing you a link to one of your own disks.
    mkdir -p /mnt/image
    sshfs -o ro ${known} -p ${port} ${shellWord(`${login}:${kit.path === "." ? "" : kit.path}`)} /mnt/image
    mount -o remount,bind,ro,nosymfollow,nosuid,nodev /mnt/image
    IMAGE=/mnt/image/${image}
 1c. Or you have it already: say where.
    IMAGE=/srv/image/${image}

2. OPEN IT. It asks for the passphrase, which may take a minute and 1 GiB of memory.
 2a. With the header of this kit, which the backup host cannot have altered.
    cryptsetup open --type luks2 --readonly --header "$KIT/${kitFiles.header}" "$IMAGE" ${mapping}
 2b. Without it, by the header that is in the image. Also when 3 finds no file system after 2a: close it (6) first.
    cryptsetup open --type luks2 --readonly "$IMAGE" ${mapping}
 Either way this has to say ${kit.cipher} and ${kit.volumeKeyBits} bits, or somebody has altered the header:
    cryptsetup status ${mapping}

3. MOUNT IT, read-only. If it complains of a journal or log, or of being unclean, put ${journal} for ro.
    mkdir -p /mnt/backup
    mount -t ${filesystem} -o ro,nosuid,nodev,noexec /dev/mapper/${mapping} /mnt/backup

4. LOOK. /mnt/backup/JOB/2026-11-23T02-00-00Z is a snapshot (UTC), JOB/latest the newest. ${jobsText(kit.jobs)}
    ls /mnt/backup
    ls -l /mnt/backup/${job} /mnt/backup/${job}/latest/

5. COPY OUT what you want; this is all of the newest. Owners, times, links and attributes stay.
    mkdir -p /srv/restored
    cp -a /mnt/backup/${job}/latest/. /srv/restored/

6. CLOSE IT.
    umount /mnt/backup
    cryptsetup close ${mapping}
 6b. If you came by 1b:
    umount /mnt/image
`;
}

function jobsText(jobs: readonly string[]): string {
  if (jobs.length === 0) return "";
  return jobs.length === 1 ? `The job is ${jobs[0]}.` : `Jobs: ${jobs.join(", ")}.`;
}
