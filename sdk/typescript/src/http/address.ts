/** Where servers are: addresses and the token, from options and from the environment. */

import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "../errors.js";

const DEFAULT = "http://127.0.0.1:7373";

/** One server. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** It has https. */
  readonly isTls: boolean;
  /** As the header `Host` has it. */
  readonly authority: string;
  /** As people write it. */
  readonly url: string;
}

/** The addresses that are given, else those of TREADLE_SERVER, else the default. Throws InvalidArgumentError. */
export function resolveServers(servers: string | readonly string[] | undefined): Address[] {
  const given = typeof servers === "string" ? servers.split(",") : [...(servers ?? [])];
  const texts = given.length > 0 ? given : (process.env["TREADLE_SERVER"] ?? "").split(",");
  const named = texts.map((each) => each.trim()).filter((each) => each !== "");
  return (named.length > 0 ? named : [DEFAULT]).map(parseAddress);
}

/** The token that is given, else the first line of the file TREADLE_TOKEN_FILE. Throws InvalidArgumentError. */
export function resolveToken(token: string | undefined): string {
  const found = token ?? tokenOfFile();
  if (!/^[\x21-\x7e]*$/.test(found))
    throw new InvalidArgumentError("token must be printable ASCII without spaces", { field: "token" });
  return found;
}

function tokenOfFile(): string {
  const path = process.env["TREADLE_TOKEN_FILE"];
  if (path === undefined || path === "") return "";
  try {
    return (readFileSync(path, "utf8").split("\n", 1)[0] ?? "").trim();
  } catch (error) {
    throw new InvalidArgumentError(`cannot read TREADLE_TOKEN_FILE: ${(error as Error).message}`, { field: "token" });
  }
}

/**
 * `http://HOST:PORT` or `https://HOST:PORT`; the scheme may be missing, and so may the port: 7373, or 443 with https.
 * Throws InvalidArgumentError.
 */
export function parseAddress(text: string): Address {
  const isTls = text.startsWith("https://");
  const rest = text.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const found = /^(?:\[([0-9A-Za-z.:%]+)\]|([0-9A-Za-z._-]+))(?::(\d{1,5}))?$/.exec(rest);
  if (found === null) throw unreadable(text, "it has no host, or more than host and port");
  const port = Number(found[3] ?? (isTls ? 443 : 7373));
  if (port < 1 || port > 65_535) throw unreadable(text, "its port is not a number from 1 to 65535");
  const host = found[1] ?? found[2] ?? "";
  const authority = found[1] === undefined ? `${host}:${port}` : `[${host.split("%")[0]}]:${port}`;
  return { host, port, isTls, authority, url: `${isTls ? "https" : "http"}://${authority}` };
}

function unreadable(text: string, why: string): InvalidArgumentError {
  const shown = text.slice(text.lastIndexOf("@") + 1); // a name and password before an @ are not repeated
  return new InvalidArgumentError(
    `cannot read the server address "${shown}": ${why}; write http://HOST:PORT or https://HOST:PORT`,
    { field: "servers" },
  );
}
