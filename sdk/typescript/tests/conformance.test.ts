/** The scenarios that every SDK plays (tests/sdk/scenarios.yaml), with the driver of this one. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const conformance = join(here, "../../../../tests/sdk/conformance.py");

test("every scenario ends as it says", async () => {
  const words = ["-B", conformance, process.execPath, join(here, "driver.js")];
  const child = spawn("/usr/bin/python3", words, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => void (text += bytes.toString()));
  const [status] = (await once(child, "close")) as [number];
  assert.equal(status, 0, text);
  assert.match(text, /^ok /m);
});
