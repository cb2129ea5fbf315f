/** Who is told when something is missing, by which way, how often. */

import * as z from "zod";
import { byName } from "../../common/config/by-name.ts";
import { absolutePathSchema, hostSchema, nameSchema } from "../../common/config/names.ts";
import { durationSchema } from "../../common/config/quantity.ts";
import { type SecretSource, secretSourceSchema } from "./secret-source.ts";
import { urlSchema } from "./url.ts";

const smtpEncryptions = ["starttls", "implicit", "none"] as const;
type SmtpEncryption = (typeof smtpEncryptions)[number];

/** Source: RFC 6409 (submission), RFC 8314 (implicit TLS), RFC 5321. */
const usualPorts: Readonly<Record<SmtpEncryption, number>> = { starttls: 587, implicit: 465, none: 25 };

export interface SmtpConfig {
  readonly kind: "smtp";
  readonly host: string;
  readonly port: number;
  readonly tls: SmtpEncryption;
  /** PEM file of whom the server's certificate may be by; undefined: the system's. */
  readonly authorities: string | undefined;
  readonly login: { readonly user: string; readonly password: SecretSource } | undefined;
  readonly from: string;
  readonly to: readonly string[];
}

export interface WebhookConfig {
  readonly kind: "webhook";
  readonly url: string;
  readonly secret: SecretSource;
}

export type ChannelConfig = SmtpConfig | WebhookConfig;

/** The first one that fits an alert says who is told. */
export interface AlertRoute {
  /** All of them have to be the machine's. */
  readonly labels: Readonly<Record<string, string>>;
  readonly channels: readonly string[];
}

export interface AlertsConfig {
  readonly channels: ReadonlyMap<string, ChannelConfig>;
  readonly routes: readonly AlertRoute[];
  /** What is so for less has not been told yet; what is no more so for less is not over yet. */
  readonly pendingForMs: number;
  readonly remindMs: number;
  /** What comes up meanwhile goes into one message. */
  readonly atMostEveryMs: number;
  readonly deadManPing: string | undefined;
}

/** One mailbox, without a display name: nothing of it can be taken for another header, or for a list. */
const mailboxSchema = z
  .string()
  .max(254)
  .regex(
    /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/,
    "must be an address such as ops@example.net",
  );

const smtpFileSchema = z
  .strictObject({
    host: hostSchema,
    port: z.int().min(1).max(65_535).optional().describe("Default: 587 for starttls, 465 for implicit, 25 for none"),
    tls: z.enum(smtpEncryptions).default("starttls").describe("starttls: required, or nothing is sent"),
    authorities: absolutePathSchema
      .optional()
      .describe("PEM file of the authorities to believe; left out: the system's"),
    user: z.string().min(1).max(256).optional(),
    password: secretSourceSchema.optional().describe("Where the user's password is: { file } or { credential }"),
    from: mailboxSchema,
    to: z.array(mailboxSchema).min(1).max(50),
  })
  .superRefine(
    ({ user, password, tls }, context) => {
      if (user !== undefined && password === undefined)
        context.addIssue({ code: "custom", path: ["user"], message: "needs a password: { file: PATH }" });
      if (user === undefined && password !== undefined)
        context.addIssue({ code: "custom", path: ["password"], message: "needs a user" });
      if (password !== undefined && tls === "none")
        context.addIssue({
          code: "custom",
          path: ["tls"],
          message: "must not be none: the password would be sent in the clear",
        });
    },
    { when: ({ value }) => typeof value === "object" && value !== null },
  );

const webhookFileSchema = z.strictObject({
  url: urlSchema.describe("https, or http to this host"),
  secret: secretSourceSchema.describe("What each message is signed with: { file } or { credential }"),
});

const channelFileSchema = z
  .strictObject({
    smtp: smtpFileSchema.optional().describe("By e-mail"),
    webhook: webhookFileSchema.optional().describe("By an HTTP request with JSON, signed"),
  })
  .superRefine(
    ({ smtp, webhook }, context) => {
      if ((smtp === undefined) === (webhook === undefined))
        context.addIssue({ code: "custom", message: "must be either smtp or webhook" });
    },
    { when: ({ value }) => typeof value === "object" && value !== null },
  );

const routeFileSchema = z.strictObject({
  labels: z.record(z.string(), z.string()).describe("Of the machine; all of them have to be so"),
  channels: z.array(nameSchema).min(1),
});

const dayMs = 86_400_000;

export const alertsFileSchema = z
  .strictObject({
    channels: byName(channelFileSchema).default({}).describe("Ways by which people are told, by name"),
    routes: z
      .array(routeFileSchema)
      .default([])
      .describe("Who is told of which machines: the first that fits; none fits: every channel"),
    pendingFor: durationSchema({ min: 0, max: dayMs })
      .prefault("5m")
      .describe("What passes within so much time is not told"),
    remind: durationSchema({ min: 60_000, max: 30 * dayMs })
      .prefault("1d")
      .describe("What is still so is told again"),
    atMostEvery: durationSchema({ min: 0, max: dayMs / 2 })
      .prefault("5m")
      .describe("What comes up within so much time after a message waits for the next"),
    deadManPing: urlSchema
      .optional()
      .describe("Fetched once a minute while the controller works, so that its own silence is noticed"),
  })
  .superRefine(
    ({ channels, routes }, context) => {
      if (typeof channels !== "object" || !Array.isArray(routes)) return;
      for (const [index, route] of routes.entries()) {
        for (const [at, name] of (route?.channels ?? []).entries()) {
          if (!Object.hasOwn(channels, name))
            context.addIssue({
              code: "custom",
              path: ["routes", index, "channels", at],
              message: `there is no channel "${name}"`,
            });
        }
      }
    },
    { when: ({ value }) => typeof value === "object" && value !== null },
  );

export function toAlertsConfig({
  channels,
  routes,
  pendingFor,
  remind,
  atMostEvery,
  deadManPing,
}: z.output<typeof alertsFileSchema>): AlertsConfig {
  return {
    channels: new Map(
      Object.entries(channels).flatMap(([name, channel]) => {
        const config = toChannelConfig(channel);
        return config === undefined ? [] : [[name, config] as const];
      }),
    ),
    routes,
    pendingForMs: pendingFor,
    remindMs: remind,
    atMostEveryMs: atMostEvery,
    deadManPing,
  };
}

function toChannelConfig({ smtp, webhook }: z.output<typeof channelFileSchema>): ChannelConfig | undefined {
  if (webhook !== undefined) return { kind: "webhook", ...webhook };
  if (smtp === undefined) return undefined;
  const { user, password, port, authorities, ...rest } = smtp;
  return {
    kind: "smtp",
    ...rest,
    port: port ?? usualPorts[smtp.tls],
    authorities,
    login: user === undefined || password === undefined ? undefined : { user, password },
  };
}
