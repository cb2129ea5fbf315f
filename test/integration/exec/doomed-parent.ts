/** Starts a child as luksmith does, says its id, and waits to be killed. Arguments: none, or a uid and a gid. */

import { makeExec } from "../../../common/exec.ts";

const [uid, gid] = process.argv.slice(2).map(Number);
const child = makeExec().start({
  file: "sleep",
  args: ["600"],
  as: uid === undefined || gid === undefined ? undefined : { uid, gid },
});
process.stdout.write(`${child.pid}\n`);
await child.finished;
