/** What people and programs are told: one message, however many alerts there are. Pure. */

import * as z from "zod";
import { escapeControls } from "../../common/quote.ts";
import { formatCount, plural } from "../../common/units.ts";
import type { AlertRoute } from "../config/alerts.ts";
import type { Alert, Due } from "./alert.ts";
import { alertKinds } from "./condition.ts";

const lineSchema = z.object({
  kind: z.enum(alertKinds),
  machine: z.string(),
  job: z.string(),
  message: z.string(),
  since: z.string(),
});

const groupSchema = z.object({
  count: z.int(),
  /** The first ones, at most {@link mostLines}. */
  alerts: z.array(lineSchema),
});

/** As it is stored until it has left; and what a webhook gets. */
export const alertMessageSchema = z.object({
  version: z.literal(1),
  type: z.enum(["alerts", "test"]),
  /** The same however often it is sent. */
  id: z.string(),
  time: z.string(),
  firing: groupSchema,
  resolved: groupSchema,
  reminders: groupSchema,
});

export type AlertMessage = z.infer<typeof alertMessageSchema>;
type Line = z.infer<typeof lineSchema>;
type Group = z.infer<typeof groupSchema>;

/** More tells nobody more; `luksmith fleet alerts` has all. */
const mostLines = 200;

/** How people know a machine. */
export interface Named {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The channels by which a machine's alerts are told. */
export function channelsOf(
  labels: Named["labels"],
  routes: readonly AlertRoute[],
  channels: readonly string[],
): readonly string[] {
  const fits = (route: AlertRoute) =>
    Object.entries(route.labels).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
  return routes.find(fits)?.channels ?? channels;
}

/** What each channel is to be told; those that have nothing to tell are left out. */
export function messagesFor(
  due: Due,
  nameOf: (machineId: string) => Named,
  routes: readonly AlertRoute[],
  channels: readonly string[],
  time: Date,
  makeId: () => string,
): Map<string, AlertMessage> {
  const goesTo = (channel: string) => (alert: Alert) =>
    channelsOf(nameOf(alert.machineId).labels, routes, channels).includes(channel);
  const messages = new Map<string, AlertMessage>();
  for (const channel of channels) {
    const mine = goesTo(channel);
    const group = (alerts: readonly Alert[]) => groupOf(alerts.filter(mine), nameOf);
    const [firing, resolved, reminders] = [group(due.firing), group(due.resolved), group(due.reminders)];
    if (firing.count + resolved.count + reminders.count === 0) continue;
    messages.set(channel, {
      version: 1,
      type: "alerts",
      id: makeId(),
      time: time.toISOString(),
      firing,
      resolved,
      reminders,
    });
  }
  return messages;
}

export function testMessage(time: Date, id: string): AlertMessage {
  const none = { count: 0, alerts: [] };
  return { version: 1, type: "test", id, time: time.toISOString(), firing: none, resolved: none, reminders: none };
}

function groupOf(alerts: readonly Alert[], nameOf: (machineId: string) => Named): Group {
  const lines = alerts.map(({ kind, machineId, job, message, sinceMs }) => ({
    kind,
    machine: nameOf(machineId).name,
    job,
    message,
    since: new Date(sinceMs).toISOString(),
  }));
  const rank = ({ kind }: Line) => alertKinds.indexOf(kind);
  lines.sort((a, b) => rank(a) - rank(b) || compare(a.machine, b.machine) || compare(a.job, b.job));
  return { count: lines.length, alerts: lines.slice(0, mostLines) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One line, whatever machines are called. */
export function subjectOf({ type, firing, resolved, reminders }: AlertMessage): string {
  if (type === "test") return "[luksmith] a test: alerts of the fleet would come like this";
  const [only] = firing.alerts;
  if (firing.count === 1 && resolved.count === 0 && reminders.count === 0 && only !== undefined) {
    return `[luksmith] ${only.kind}: ${placeOf(only)}`;
  }
  const parts = [
    firing.count === 0 ? [] : plural(firing.count, "new alert"),
    resolved.count === 0 ? [] : `${formatCount(resolved.count)} resolved`,
    reminders.count === 0 ? [] : plural(reminders.count, "reminder"),
  ].flat();
  return `[luksmith] ${parts.join(", ")}`;
}

/** Plain text. */
export function textOf(message: AlertMessage): string {
  if (message.type === "test") {
    return "This is a test (luksmith fleet alerts test). Nothing is wrong; alerts of the fleet would come by this way.\n";
  }
  const sections = [
    section(message.firing, "New"),
    section(message.resolved, "Resolved"),
    section(message.reminders, "Still so"),
  ].filter((text) => text !== "");
  return `${sections.join("\n")}\nAll of them: luksmith fleet alerts\n`;
}

function section({ count, alerts }: Group, title: string): string {
  if (count === 0) return "";
  const more = count - alerts.length;
  const lines = alerts.map((line) => `  ${line.kind}: ${placeOf(line)}: ${escapeControls(line.message)}`);
  const rest = more === 0 ? [] : [`  and ${formatCount(more)} more`];
  return `${title} (${formatCount(count)}):\n${[...lines, ...rest].join("\n")}\n`;
}

function placeOf({ machine, job }: Line): string {
  return escapeControls(job === "" ? machine : `${machine} ${job}`);
}
