import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { imageNames } from "../../../helper/storage/image-path.ts";

describe("the path of an image", () => {
  it("is made of plain names", () => {
    assert.deepEqual(imageNames("home.luks"), ["home.luks"]);
    assert.deepEqual(imageNames("images/web01/home+2.luks"), ["images", "web01", "home+2.luks"]);
    assert.deepEqual(imageNames("./home.luks"), ["home.luks"], "a remote's path may be the directory itself");
  });

  const hostile = [
    "",
    ".",
    "/etc/shadow",
    "../web02/home.luks",
    "images/../../web02/home.luks",
    "images//home.luks",
    "images/",
    "-rf",
    ".hidden",
    "home.luks\n",
    "home luks",
    "home\0.luks",
    "h%6fme.luks",
    "\u202Ehome.luks",
    `${"a/".repeat(8)}home.luks`,
    "a".repeat(201),
  ];
  for (const path of hostile) {
    it(`is not ${JSON.stringify(path.slice(0, 40))}`, () => {
      assert.throws(() => imageNames(path), { code: "denied" });
    });
  }
});
