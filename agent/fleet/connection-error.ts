/** Why there is no connection, as a person on the machine should read it. */

import type { ServiceError } from "@grpc/grpc-js";
import { Status } from "@grpc/grpc-js/build/src/constants.js";
import { fromServiceError } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import { noAnswerText } from "../../common/fleet/no-answer.ts";
import { escapeControls } from "../../common/quote.ts";
import type { Goodbye } from "../../proto/gen/luksmith/v1/fleet.ts";

/** What somebody else's program says is cut to so much. */
const saidLimit = 300;

export function connectionError(thrown: unknown, address: string): LuksmithError {
  if (thrown instanceof LuksmithError) return thrown;
  if (!isServiceError(thrown)) {
    return new LuksmithError("internal", "the connection to the controller meets a fault", { cause: thrown });
  }
  const told = fromServiceError(thrown);
  if (told !== undefined) {
    const hint = told.hint === undefined ? {} : { hint: said(told.hint) };
    return new LuksmithError(told.code, `${address}: ${said(told.message)}`, { ...hint, cause: thrown });
  }
  const details = said(thrown.details || thrown.message);
  if (/certificate|alert|self-signed|handshake|SSL/i.test(details)) {
    return new LuksmithError(
      "refused",
      `${address} is no controller of this machine's fleet, or does not know it: ${details}`,
      {
        hint: "if the fleet was made anew, enrol again: luksmith enroll",
        cause: thrown,
      },
    );
  }
  if (thrown.code === Status.UNAVAILABLE) {
    return new LuksmithError(
      "unreachable",
      `no controller answers at ${address}: ${noAnswerText(details) ?? details}`,
      {
        hint: "there: systemctl status luksmith-controller; can this machine reach it?",
        cause: thrown,
      },
    );
  }
  return new LuksmithError("refused", `${address}: ${details}`, { cause: thrown });
}

/** "denied" when it makes no sense to try again soon. */
export function goodbyeError({ reason, message }: Goodbye, address: string): LuksmithError {
  const why = message === "" ? "" : `: ${said(message)}`;
  switch (reason) {
    case "revoked":
      return new LuksmithError("denied", `the fleet has revoked this machine${why}`, {
        hint: "to have it in the fleet again: luksmith enroll",
      });
    case "replaced":
      return new LuksmithError("refused", `another agent has connected with the identity of this machine${why}`, {
        hint: "is there a copy of this machine? Each has to be enrolled by itself: luksmith enroll",
      });
    case "confirmed":
      return new LuksmithError("lost", `the machine is one of the fleet from now on, and connects again${why}`);
    case "stopping":
      return new LuksmithError("lost", `the controller at ${address} is stopping${why}`);
    default:
      return new LuksmithError("refused", `${address} has ended the connection (${said(reason)})${why}`);
  }
}

function said(text: string): string {
  return escapeControls(text.slice(0, saidLimit));
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "number" && "details" in thrown;
}
