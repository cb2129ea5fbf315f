/** The machine in a fleet, and out of it again. */

import { LuksmithError } from "../../common/errors.ts";
import { parseAddress, showAddress } from "../../common/fleet/address.ts";
import { parsePin, showPin } from "../../common/fleet/pin.ts";
import { escapeControls, quoteText } from "../../common/quote.ts";
import type { JoinFleetRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import { enrolledJson, leftJson } from "../json.ts";
import type { Session } from "../session.ts";

/** Only what a token looks like: whether it is one the controller knows. */
const tokenPattern = /^lsm_[0-9A-Za-z]{1,64}_[0-9A-Za-z]{16,256}$/;

/** @throws {LuksmithError} "usage", and the token is not in it */
export function checkedOrder(
  addresses: readonly string[],
  token: string,
  pins: readonly string[],
  replace: boolean,
): JoinFleetRequest {
  if (!tokenPattern.test(token)) {
    throw new LuksmithError("usage", "that is no token", {
      hint: "it begins with lsm_, as luksmith fleet token create prints it",
    });
  }
  return {
    addresses: addresses.map(controllerAddress),
    token,
    authorities: pins.map((pin) => showPin(parsePin(pin))),
    replace,
  };
}

function controllerAddress(text: string): string {
  const address = parseAddress(text);
  if (address !== undefined) return showAddress(address);
  throw new LuksmithError("usage", `${quoteText(text)} is no address of a controller`, {
    hint: "HOST:PORT, such as fleet.example.net:7443; an IPv6 address in brackets",
  });
}

export async function enroll(session: Session, request: JoinFleetRequest): Promise<void> {
  const answer = await session.waitFor("asking the controller", session.agent.joinFleet(request));
  const { machineId, name, address } = answer;
  const who = name === "" ? `as ${machineId}` : `as ${escapeControls(name)} (${machineId})`;
  session.result(
    () => [enrolledJson(answer)],
    () =>
      `enrolled at ${address} ${who}\n${
        name === "" ? `an operator has to confirm it: luksmith fleet accept ${machineId}\n` : ""
      }`,
  );
}

export async function leave(session: Session): Promise<void> {
  const answer = await session.agent.leaveFleet();
  const who = answer.machineId === "" ? "it" : answer.machineId;
  session.result(
    () => [leftJson(answer)],
    () => `the machine is in no fleet any more; the fleet knows ${who} until an operator revokes it\n`,
  );
}
