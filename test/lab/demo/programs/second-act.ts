/** The demonstration's second act, inside the lab: a controller, three machines in network namespaces of their own, one schedule. */

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeExec, mustRead } from "../../../../common/exec.ts";
import { FleetMachine } from "../../harness/fleet-machine.ts";
import { cheapKdf, identityFile, LabAgent } from "../../harness/lab-agent.ts";
import { SecondHost } from "../../harness/second-host.ts";
import { until } from "../../harness/until.ts";
import { chapter, lookForLeftovers, play, say, type } from "../stage.ts";

const { exec, start } = makeExec();
const deadlineMs = 300_000;
const luksmith = resolve("dist/luksmith.mjs");
const controller = resolve("dist/luksmith-controller.mjs");
const stateDir = "/var/lib/luksmith-controller";
const credential = join(stateDir, "admin.yaml");
const port = 7443;

/** @param role a label */
const machines = [
  { name: "web1", role: "web" },
  { name: "web2", role: "web" },
  { name: "db1", role: "db" },
] as const;

const scheduleFile = "/srv/schedules.yaml";
const schedules = `schedules:
  every-two-minutes:
    selector: role=web
    verb: backup
    job: documents
    cron: "*/2 * * * *"
    splay: 20s
    maxAge: 1h
    maxConcurrent: { perBackupHost: 1 }
`;

async function fleet(...words: string[]): Promise<void> {
  await type(["luksmith", "fleet", ...words], [process.execPath, luksmith, "fleet", "--fleet", credential, ...words]);
}

/** The same, for its answer. */
async function askFleet(...words: string[]): Promise<string> {
  const args = [luksmith, "fleet", "--fleet", credential, ...words];
  return (await mustRead(exec, { file: process.execPath, args, deadlineMs })).toString();
}

async function on(machine: FleetMachine, ...words: string[]): Promise<void> {
  say(`\n${machine.name}$ ${["luksmith", ...words].join(" ")}`);
  await mustRead(exec, { file: process.execPath, args: [luksmith, "--socket", machine.socket, ...words], deadlineMs });
}

async function main(): Promise<void> {
  chapter("a fleet: a controller, and three machines that reach it and the backup host");
  await using host = await SecondHost.create({ identityFile });
  await using running = new AsyncDisposableStack();
  const made: { machine: FleetMachine; agent: LabAgent; role: string }[] = [];
  for (const [index, { name, role }] of machines.entries()) {
    const machine = running.use(await FleetMachine.create(name, index + 1, host));
    const documents = `/srv/${name}`;
    await mkdir(documents, { recursive: true });
    await writeFile(join(documents, "letter.txt"), `from ${name}\n`.repeat(2000));
    const config = `${machine.places}remotes: { vault: { host: ${host.address}, user: ${host.user}, path: images, identity: ${identityFile}, transport: sshfs } }
volumes: { ${name}: { remote: vault, image: ${name}.luks, size: 64M, ${cheapKdf} } }
jobs: { documents: { volume: ${name}, sources: [${documents}] } }
controller: { allow: [status, log, backup, cancel] }
`;
    const agent = running.use(await LabAgent.start(config, { place: machine.place }));
    made.push({ machine, agent, role });
  }
  say(`${made.map(({ machine }) => machine.name).join(", ")}: an address, a configuration and an agent each`);

  await type(
    ["luksmith-controller", "init", "--address", `10.99.0.1:${port}`],
    [process.execPath, controller, "init", "--address", `10.99.0.1:${port}`],
  );
  say(`\n$ luksmith-controller serve`);
  const serving = start({
    file: process.execPath,
    args: [controller, "serve", "--state-dir", stateDir],
    onStderr: () => undefined,
    graceMs: 60_000,
  });
  running.defer(async () => {
    await serving.stop();
    await rm(stateDir, { recursive: true, force: true });
  });
  await until(
    async () =>
      (await exec({ file: process.execPath, args: [luksmith, "fleet", "--fleet", credential, "status"], deadlineMs }))
        .exitCode === 0,
    "the controller answers",
  );

  chapter("each machine gets a volume, and joins by a token");
  for (const { machine, agent, role } of made) {
    await agent.trust();
    await agent.create(machine.name);
    say(`\n$ luksmith fleet token create --name ${machine.name} --labels role=${role}`);
    const line = (await askFleet("token", "create", "--name", machine.name, "--labels", `role=${role}`)).trim();
    const words = line.split(/\s+/);
    await on(machine, ...words.slice(words.indexOf("enroll")));
  }
  await fleet("machines");

  chapter("one schedule for those that are web=, and a backup now for the other");
  await writeFile(scheduleFile, schedules);
  say(`\n$ cat ${scheduleFile}\n${schedules}`);
  await fleet("apply", "-f", scheduleFile, "--dry-run");
  await fleet("apply", "-f", scheduleFile);
  await fleet("run", "role=db", "backup", "documents");
  say("\nwhat a machine's own configuration does not allow, nobody can ask of it:");
  await fleet("run", "role=db", "prune", "documents").catch(() => say("(refused, as it should be)"));

  chapter("the schedule's moment comes, on both machines, one after the other");
  await until(async () => {
    const runs = (await askFleet("runs", "--schedule", "every-two-minutes", "--json")).trim();
    return runs.split("\n").filter((run) => run.includes('"done"')).length >= 2;
  }, "both machines are backed up");
  await fleet("runs");
  await fleet("machines", "--jobs");
  await fleet("top");
  await fleet("status");

  chapter("all of it ends, and nothing is left behind");
  await running.disposeAsync();
  await rm(scheduleFile);
  await lookForLeftovers();
}

await play(main);
