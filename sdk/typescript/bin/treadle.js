#!/usr/bin/env node
// `npx treadle`: runs the server's program, which the package @treadle/linux-x64 or
// @treadle/linux-arm64 brings. Without either, it runs the treadle in PATH; scripts of that name,
// such as this one, do not count.
import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

const platform = `${process.platform}-${process.arch}`;

function installed() {
  try {
    return createRequire(import.meta.url).resolve(`@treadle/${platform}/bin/treadle`);
  } catch {
    return undefined;
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    const start = Buffer.alloc(4);
    const file = openSync(path);
    readSync(file, start);
    closeSync(file);
    return start.toString("latin1") === "\x7fELF";
  } catch {
    return false;
  }
}

function inPath() {
  const places = (process.env.PATH ?? "").split(delimiter).filter((each) => each !== "");
  return places.map((each) => join(each, "treadle")).find(isProgram);
}

const program = installed() ?? inPath();
if (program === undefined) {
  console.error(
    `treadle: the package @treadle/${platform} is not installed, and PATH has no other treadle. ` +
      "A release has the program for Linux on x64 with glibc 2.34 or newer; " +
      "the source builds on Debian 12.",
  );
  process.exit(1);
}

// First the handlers, then the program. A terminal sends its signals to both.
for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"]) {
  process.on(signal, () => {
    if (signal === "SIGTERM" || !process.stdin.isTTY) child.kill(signal);
  });
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => {
  console.error(`treadle: cannot start ${program}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (status, signal) => {
  if (signal === null) process.exit(status ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
