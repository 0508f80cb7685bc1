/** The examples, as a stranger runs them: with the package, built and installed by its name. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server, until } from "./harness.js";

const out = fileURLToPath(new URL("..", import.meta.url));
const sdk = join(out, "../../../sdk/typescript");
const server = await new Server().start();
const env: NodeJS.ProcessEnv = { ...process.env, TREADLE_SERVER: server.url };
delete env["NODE_TEST_CONTEXT"]; // a run of its own, not a part of this one

/** The package as npm would install it, beside the examples. */
function install(): void {
  const place = join(out, "examples/node_modules/treadle");
  mkdirSync(place, { recursive: true });
  writeFileSync(join(out, "examples/package.json"), '{"type":"module"}');
  cpSync(join(sdk, "package.json"), join(place, "package.json"));
  if (!existsSync(join(place, "dist"))) symlinkSync(join(out, "src"), join(place, "dist"));
}
install();

test("the two-minute example runs", async () => {
  const app = join(out, "examples/app.js");
  const worker = spawn(process.execPath, [app, "work"], { env, stdio: ["ignore", "ignore", "pipe"] });
  let lines = "";
  worker.stderr.on("data", (bytes: Buffer) => void (lines += bytes.toString()));
  const produced = spawnSync(process.execPath, [app], { env, encoding: "utf8" });
  assert.match(produced.stdout, /^1-\d+ a-300\.png\n$/, produced.stderr);
  await until(() => lines.includes('"outcome":"completed"'));
  worker.kill("SIGTERM");
  assert.deepEqual(await once(worker, "exit"), [0, null]);
});

test("the example with tests passes them", () => {
  const ran = spawnSync(process.execPath, ["--test", join(out, "examples/orders_test.js")], { env, encoding: "utf8" });
  assert.equal(ran.status, 0, ran.stdout);
  assert.match(ran.stdout, /pass 2/);
});

test("README.md shows the examples as they are", () => {
  const readme = readFileSync(join(sdk, "README.md"), "utf8");
  assert.ok(readme.includes(readFileSync(join(sdk, "examples/app.ts"), "utf8").trim()));
});
