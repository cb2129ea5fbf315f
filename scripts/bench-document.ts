/** What one run of the benchmark says, between two marks of docs/BENCHMARKS.md; what stands around them is written by hand. Pure. */

import { benchTables, failures, type Measurement, timesAsLong, whereSlower } from "./bench-table.ts";

const begin = "<!-- bench -->";
const end = "<!-- /bench -->";
const recipe = "by hand";
const rivals = ["restic", "borg"];

export interface BenchRun {
  readonly measurements: readonly Measurement[];
  /** As it was typed. */
  readonly command: string;
  /** By program, of luksmith too. */
  readonly versions: Readonly<Record<string, string>>;
  /** What it costs to start a small program, in the lab and outside. */
  readonly programStartMs: InTwoPlaces;
  /** From nbd-server's start to its first word. */
  readonly nbdServerStartMs: InTwoPlaces;
}

interface InTwoPlaces {
  readonly here: number;
  readonly lab: number;
}

export function results({ measurements, command, versions, programStartMs, nbdServerStartMs }: BenchRun): string {
  const used = Object.entries(versions).map(([program, version]) => `${program} ${version}`);
  const { lab, here } = programStartMs;
  const failed = failures(measurements);
  return [
    `Made by \`${command}\` of ${used.join(", ")}. Starting a program took ${lab.toFixed(0)} ms in the lab, and ${here.toFixed(1)} ms on the machine that emulates it; nbd-server took ${(nbdServerStartMs.lab / 1000).toFixed(1)} s to its first word, and ${(nbdServerStartMs.here / 1000).toFixed(2)} s.`,
    "",
    benchTables(measurements),
    "### The recipe's first backup, as a multiple of luksmith's",
    "",
    timesAsLong(measurements, recipe, "first backup") || "Not measured.",
    "",
    "### Where luksmith is slower than restic or borg",
    "",
    whereSlower(measurements, rivals) || "Nowhere.",
    ...(failed === "" ? [] : ["", "### What failed", "", failed]),
  ].join("\n");
}

/** @throws when the document has no such section */
export function withResults(document: string, text: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the document has no section between ${begin} and ${end}`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}
