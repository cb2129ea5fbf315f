/** Appends numbered lines to the audit files of a directory, as fast as it can, until it is killed. */

import { LineFiles } from "../../../agent/audit/line-files.ts";

const [directory = "", from = "0"] = process.argv.slice(2);
const files = new LineFiles(directory, { fileBytes: 2000, fullFiles: 100_000 });
for (let number = Number(from); ; number += 1)
  files.append(JSON.stringify({ number, padding: "x".repeat(number % 90) }));
