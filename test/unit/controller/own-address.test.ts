import assert from "node:assert/strict";
import { test } from "node:test";
import { ownAddress } from "../../../controller/own-address.ts";

test("a controller is reached where it listens, and by its name where that is everywhere", () => {
  const port = 7443;
  const addresses = [undefined, "0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "c1.example.net"].map((host) =>
    ownAddress({ host, port }, "here"),
  );
  assert.deepEqual(addresses, [
    "here:7443",
    "here:7443",
    "here:7443",
    "192.0.2.1:7443",
    "[2001:db8::1]:7443",
    "c1.example.net:7443",
  ]);
});
