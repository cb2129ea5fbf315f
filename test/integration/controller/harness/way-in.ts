/** A machine's way to the controllers: says who it is, as its certificate would. */

import { connect } from "node:net";
import { Cable } from "../../cable.ts";

/** @param to port of a controller, asked at each connection */
export function openWayIn(peer: string, to: () => number): Promise<Cable> {
  return Cable.open(() => {
    const far = connect(to(), "127.0.0.1");
    far.write(`${peer}\n`);
    return far;
  });
}
