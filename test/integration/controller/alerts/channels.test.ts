/** Messages by mail and by HTTP, to servers that are real ones. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, describe, it } from "node:test";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { openChannels, testChannels } from "../../../../controller/alerts/channel.ts";
import { type AlertMessage, alertMessageSchema } from "../../../../controller/alerts/message.ts";
import { SmtpChannel } from "../../../../controller/alerts/smtp-channel.ts";
import { WebhookChannel } from "../../../../controller/alerts/webhook-channel.ts";
import { parseControllerConfig } from "../../../../controller/config/controller-config.ts";
import { selfSigned } from "../harness/self-signed.ts";

const never = new AbortController().signal;

/** What a machine would be called by somebody who means harm. */
const hostileName = "web\r\nBcc: eve@example.net\r\n\r\nfrom eve";

const message: AlertMessage = {
  version: 1,
  type: "alerts",
  id: "6f1f7d52-2c2b-4d6c-9a5b-0d5a3f0b8f11",
  time: "2026-11-28T12:00:00.000Z",
  firing: {
    count: 1,
    alerts: [
      {
        kind: "overdue",
        machine: hostileName,
        job: "home",
        message: "bad\r\n.\r\nQUIT",
        since: "2026-11-28T11:00:00.000Z",
      },
    ],
  },
  resolved: { count: 0, alerts: [] },
  reminders: { count: 0, alerts: [] },
};

interface Mail {
  readonly from: string;
  readonly to: string[];
  readonly user: unknown;
  readonly isSecure: boolean;
  readonly text: string;
}

let directory = "";
let localhost: Awaited<ReturnType<typeof selfSigned>>;
const closing: (() => Promise<unknown>)[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "luksmith-channels-"));
  localhost = await selfSigned();
  await writeFile(join(directory, "ca.pem"), localhost.certificate);
  await writeFile(join(directory, "password"), "hunter2\n", { mode: 0o600 });
});
after(() => rm(directory, { recursive: true, force: true }));
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe("by mail", () => {
  async function mailServer(options: SMTPServerOptions): Promise<{ port: number; mails: Mail[] }> {
    const mails: Mail[] = [];
    const server = new SMTPServer({
      key: localhost.key,
      cert: localhost.certificate,
      authOptional: true,
      logger: false,
      onAuth: ({ username, password }, _session, done) => {
        if (username === "luksmith" && password === "hunter2") done(null, { user: username });
        else done(new Error("no"));
      },
      onData: (stream, session, done) => {
        text(stream).then((body) => {
          const { mailFrom, rcptTo } = session.envelope;
          mails.push({
            from: mailFrom === false ? "" : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            user: session.user,
            isSecure: session.secure,
            text: body,
          });
          done();
        }, done);
      },
      ...options,
    });
    server.on("error", () => undefined);
    const listener = server.listen(0, "127.0.0.1");
    await once(listener, "listening");
    closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const address = listener.address();
    return { port: typeof address === "object" && address !== null ? address.port : 0, mails };
  }

  function channel(port: number, more = ""): SmtpChannel {
    const { channels } = parseControllerConfig(
      `
alerts:
  channels:
    mail:
      smtp:
        host: localhost
        port: ${port}
        authorities: ${directory}/ca.pem
        from: luksmith@example.net
        to: [ops@example.net, boss@example.net]
${more.replace(/^/gm, "        ")}
`,
      "controller.yaml",
    ).alerts;
    const config = channels.get("mail");
    assert.ok(config?.kind === "smtp");
    return new SmtpChannel(config);
  }

  const login = `user: luksmith\npassword: { file: ${"DIRECTORY"}/password }`;
  const withLogin = () => login.replace("DIRECTORY", directory);

  it("comes encrypted, after a login, to whom it is for and to nobody else", async () => {
    const { port, mails } = await mailServer({});
    assert.match(await channel(port, withLogin()).deliver(message, never), /^the server says 250/);
    const [mail] = mails;
    assert.equal(mails.length, 1);
    assert.deepEqual(
      { ...mail, text: "" },
      {
        from: "luksmith@example.net",
        to: ["ops@example.net", "boss@example.net"],
        user: "luksmith",
        isSecure: true,
        text: "",
      },
    );
    const [head = "", body = ""] = (mail?.text ?? "").split(/\r?\n\r?\n/, 2);
    assert.doesNotMatch(head, /^(Bcc|from eve)/im);
    assert.match(head, /^Subject: \[luksmith\] overdue: web/m);
    assert.match(head, /^Message-ID: <6f1f7d52-2c2b-4d6c-9a5b-0d5a3f0b8f11@example\.net>/m);
    assert.match(head, /^Auto-Submitted: auto-generated/m);
    assert.match(body, /New \(1\)/);
  });

  it("is not sent when the server has no encryption, nor to one that we do not know", async () => {
    const plain = await mailServer({ disabledCommands: ["STARTTLS"] });
    await assert.rejects(channel(plain.port, withLogin()).deliver(message, never), {
      name: "NotDelivered",
      message: /STARTTLS/i,
    });
    const other = await mailServer(await selfSigned().then(({ certificate, key }) => ({ cert: certificate, key })));
    await assert.rejects(channel(other.port, withLogin()).deliver(message, never), { name: "NotDelivered" });
    assert.deepEqual([plain.mails, other.mails], [[], []]);
  });

  it("goes by TLS from the first byte, and in the clear, where that is said", async () => {
    const implicit = await mailServer({ secure: true });
    await channel(implicit.port, "tls: implicit").deliver(message, never);
    assert.equal(implicit.mails[0]?.isSecure, true);
    const plain = await mailServer({ disabledCommands: ["STARTTLS"] });
    await channel(plain.port, "tls: none").deliver(message, never);
    assert.equal(plain.mails[0]?.isSecure, false);
  });

  it("says what the server has against it, and never the password", async () => {
    const strict = await mailServer({ onAuth: (_auth, _session, done) => done(new Error("no such user")) });
    const refused = channel(strict.port, withLogin()).deliver(message, never);
    await assert.rejects(refused, (error: Error) => {
      assert.match(error.message, /Invalid login/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
    const full = await mailServer({ onRcptTo: (_address, _session, done) => done(new Error("mailbox full")) });
    await assert.rejects(channel(full.port).deliver(message, never), /mailbox full/);
    const half = await mailServer({
      onRcptTo: ({ address }, _session, done) => done(address.startsWith("boss") ? new Error("gone") : null),
    });
    // who has it must not get it again and again
    assert.match(await channel(half.port).deliver(message, never), /takes nothing for boss@example.net$/);
    assert.deepEqual(half.mails[0]?.to, ["ops@example.net"]);
  });

  it("is given up when whoever waits for it ends", async () => {
    const silent = createTcpServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    closing.push(async () => silent.close());
    const address = silent.address();
    const ending = new AbortController();
    silent.once("connection", (socket) => {
      closing.push(async () => socket.destroy());
      ending.abort(new Error("stopping"));
    });
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await assert.rejects(channel(port).deliver(message, ending.signal), /stopping/);
  });
});

describe("by HTTP", () => {
  interface Got {
    readonly request: IncomingMessage;
    readonly body: string;
  }

  async function webServer(
    answer: (response: ServerResponse) => void,
  ): Promise<{ url: string; got: Got[]; server: Server }> {
    const got: Got[] = [];
    const server = createServer((request, response) => {
      text(request).then(
        (body) => {
          got.push({ request, body });
          answer(response);
        },
        () => undefined,
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { url: `http://127.0.0.1:${port}/hook?key=s3cret`, got, server };
  }

  const channel = (url: string) =>
    new WebhookChannel({ kind: "webhook", url, secret: { from: "file", path: join(directory, "password") } });

  it("is JSON, and signed as docs/monitoring.md says", async () => {
    const { url, got } = await webServer((response) => response.writeHead(204).end());
    assert.equal(await channel(url).deliver(message, never), "the server answers 204");
    const [{ request, body }] = got as [Got];
    assert.equal(request.method, "POST");
    assert.equal(request.headers["content-type"], "application/json");
    assert.equal(request.headers["luksmith-delivery"], message.id);
    assert.deepEqual(alertMessageSchema.parse(JSON.parse(body)), message);
    const [, seconds = "", signature] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(`${request.headers["luksmith-signature"]}`) ?? [];
    assert.equal(signature, createHmac("sha256", "hunter2").update(`${seconds}.${body}`).digest("hex"));
    assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 60);
  });

  it("follows nobody, and tells neither address nor secret when it fails", async () => {
    const elsewhere = await webServer((response) => response.end());
    const cases: [RegExp, (response: ServerResponse) => void][] = [
      [/leads elsewhere \(307\)/, (response) => response.writeHead(307, { location: elsewhere.url }).end()],
      [/answers 500/, (response) => response.writeHead(500).end("x".repeat(100_000))],
      [/cannot be reached/, (response) => response.socket?.destroy()],
    ];
    for (const [words, answer] of cases) {
      const { url } = await webServer(answer);
      await assert.rejects(channel(url).deliver(message, never), (error: Error) => {
        assert.equal(error.name, "NotDelivered");
        assert.match(error.message, words);
        assert.doesNotMatch(error.message, /s3cret|hunter2|hook/);
        return true;
      });
    }
    assert.deepEqual(elsewhere.got, []);
    const gone = await webServer(() => undefined);
    gone.server.close();
    await assert.rejects(channel(gone.url).deliver(message, never), /cannot be reached \(ECONNREFUSED\)/);
  });

  it("does not wait for what never ends", async () => {
    const endless = await webServer((response) => {
      response.writeHead(200);
      response.write("x");
    });
    assert.equal(await channel(endless.url).deliver(message, never), "the server answers 200");
  });
});

describe("a test of the channels", () => {
  it("says of each what came of it", async () => {
    const server = createServer((_, response) => response.writeHead(200).end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const secret = { from: "file", path: join(directory, "password") } as const;
    const channels = await openChannels(
      new Map([
        ["good", { kind: "webhook", url: `http://127.0.0.1:${port}/`, secret }],
        ["bad", { kind: "webhook", url: "http://127.0.0.1:9/", secret }],
      ]),
    );
    const results = await testChannels(channels, "", new Date(), () => "id", never);
    assert.deepEqual(
      results.map(({ channel, delivered }) => [channel, delivered]),
      [
        ["good", true],
        ["bad", false],
      ],
    );
    assert.equal((await testChannels(channels, "good", new Date(), () => "id", never)).length, 1);
    await assert.rejects(
      testChannels(channels, "goood", new Date(), () => "id", never),
      { code: "not_found", hint: /good, bad/ },
    );
    await assert.rejects(
      testChannels(new Map(), "", new Date(), () => "id", never),
      { code: "not_found", message: /no channel/ },
    );
  });

  it("is not needed to find a secret that cannot be read: the controller does not start", async () => {
    const secret = { from: "file", path: join(directory, "missing") } as const;
    await assert.rejects(openChannels(new Map([["w", { kind: "webhook", url: "https://h/", secret }]])), {
      code: "config",
    });
  });
});
