/** What stands in every volume for the person who opens it years later with no luksmith at hand. Pure. */

export function volumeReadme(volume: string): string {
  return `This is the backup volume "${volume}". It was made by luksmith, and nothing of luksmith is needed to read it.

/JOB/2026-11-23T02-00-00Z/   a finished snapshot of that time (UTC): just the files, where they were on the machine
/JOB/latest                  leads to the newest finished one
/JOB/....partial/            a run that was interrupted; the next one continues in it

Files that did not change are shared by hard links between snapshots: copy out of them, do not edit in place.
To restore:  cp -a /JOB/latest/home/alice /somewhere/     or     rsync -aHAXS --numeric-ids ...
`;
}
