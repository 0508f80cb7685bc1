/**
 * TLS: whom to trust, and what is wrong with a connection that cannot be made.
 *
 * Certificates and host names are always checked: against the system's store, or certificates that are given in
 * its place. Node brings certificates of its own and does not read the system's store unless told to; programs of
 * other languages on the same machine do.
 */

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import * as tls from "node:tls";
import { InternalError, InvalidArgumentError, UnavailableError, type TreadleError } from "../errors.js";
import type { Address } from "./address.js";

// Where systems keep their store in one file; Go looks at the same.
const STORES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
const INVALID = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
]);
const NO_TLS = new Set(["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_HTTP_REQUEST", "ERR_SSL_PACKET_LENGTH_TOO_LONG"]);

/**
 * The certificates of the file that is given, else of the one that TREADLE_CA_FILE names; undefined: the system's.
 * Throws InvalidArgumentError.
 */
export function resolveCa(caFile: string | undefined, servers: readonly Address[]): string | undefined {
  const path = caFile ?? process.env["TREADLE_CA_FILE"] ?? "";
  if (path === "" || !servers.some((each) => each.isTls)) return undefined;
  const refuse = (why: string): never => {
    throw new InvalidArgumentError(`the CA file ${path} cannot be read: ${why}; it holds certificates as PEM`, {
      field: "caFile",
    });
  };
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    refuse((error as Error).message);
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) refuse("it has no certificate");
  try {
    contextOf(text);
  } catch (error) {
    refuse((error as Error).message);
  }
  return text;
}

/** Begins to connect. `ca`: of resolveCa(). */
export function connectSecurely({ host, port }: Address, ca: string | undefined): tls.TLSSocket {
  const name = host.split("%")[0] as string;
  return tls.connect({
    host,
    port,
    // The name tells a server with several certificates which one to use. An address is not sent.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    secureContext: contextOf(ca),
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
  });
}

/**
 * UnavailableError, and the call is repeated, unless the server would have to be another: what is wrong with a
 * certificate does not pass within a call's time.
 */
export function handshakeError(error: Error & { code?: string; reason?: string }, url: string): TreadleError {
  const { code = "" } = error;
  const isWrongHost = code === "ERR_TLS_CERT_ALTNAME_INVALID";
  if (isWrongHost || UNTRUSTED.has(code) || INVALID.has(code)) {
    let why = isWrongHost ? (error.reason ?? error.message) : error.message;
    if (UNTRUSTED.has(code)) why += "; name the certificate of its CA with caFile or TREADLE_CA_FILE";
    if (isWrongHost) why = `${why.replace(/[:. ]+$/, "")}; use a name that the certificate has`;
    return new InternalError(`the certificate of ${url} cannot be trusted: ${why}`);
  }
  if (NO_TLS.has(code))
    return new InternalError(
      `${url} does not speak TLS. Treadle itself does not: write http://, or name the proxy in front of it`,
    );
  return new UnavailableError(`cannot speak TLS with ${url}: ${error.reason ?? error.message}`);
}

const contexts = new Map<string | undefined, tls.SecureContext>();

/** Reading a store takes many times as long as a handshake, so it is read once. */
function contextOf(ca: string | undefined): tls.SecureContext {
  let found = contexts.get(ca);
  if (found === undefined) {
    const trusted = ca ?? systemStore();
    found = tls.createSecureContext({ minVersion: "TLSv1.2", ...(trusted === undefined ? {} : { ca: trusted }) });
    contexts.set(ca, found);
  }
  return found;
}

/** Undefined: there is none in a file, and Node's own certificates are trusted. */
function systemStore(): string | undefined {
  const own = process.env["SSL_CERT_FILE"] ?? "";
  for (const path of own === "" ? STORES : [own]) {
    const store = textOf(path);
    if (store === undefined) continue;
    const more = process.env["NODE_EXTRA_CA_CERTS"] ?? "";
    return `${store}\n${more === "" ? "" : (textOf(more) ?? "")}`;
  }
  return undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
