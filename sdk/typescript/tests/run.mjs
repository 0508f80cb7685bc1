// Compiles the SDK with its tests, strictly, and runs them: node tests/run.mjs [files of tests/, without .test.ts]
// The server is $TREADLE. The compiler is the one that package-lock.json pins: scripts/setup.sh installs it into
// build/typescript, and `npm ci` installs it here.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const build = join(here, "../../../build/typescript");
const out = join(build, "out/tests");

const places = [build, join(here, "..")].map((each) => join(each, "node_modules/typescript/bin/tsc"));
const compiler = places.find((each) => existsSync(each));
if (compiler === undefined) fail("there is no TypeScript compiler; run scripts/setup.sh test, or npm ci in sdk/typescript");
if (!existsSync(process.env.TREADLE ?? "")) fail("set TREADLE to the program of the server");

rmSync(join(build, "out"), { recursive: true, force: true });
run([compiler, "-p", here]);
const names = process.argv.slice(2);
const files = readdirSync(out).filter((each) => each.endsWith(".test.js"));
const chosen = names.length > 0 ? files.filter((each) => names.includes(each.replace(".test.js", ""))) : files;
run(["--test", ...chosen.map((each) => join(out, each))]);

function run(words) {
  const { status } = spawnSync(process.execPath, words, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
