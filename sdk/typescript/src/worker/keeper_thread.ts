/** The thread of keeper.ts. */

import { setTimeout as sleep } from "node:timers/promises";
import { workerData } from "node:worker_threads";
import { Caller } from "../http/caller.js";
import { tokensToRenew, type KeeperData } from "./keeper.js";

const LOOKS = 6; // at the signs of life in the time of a lease
const CONNECTIONS = 8;
const NOTHING = '{"log":{"text":""}}'; // saved, it renews the lease and changes nothing

const { shared, connection } = workerData as KeeperData;
const caller = new Caller({ ...connection, connections: CONNECTIONS });
const timeOfCall = (): number => Math.max((shared.head[1] ?? 0) / 2, 500);

let seen = -1;
for (;;) {
  const leaseMs = Atomics.load(shared.head, 1);
  Atomics.wait(shared.head, 1, leaseMs, leaseMs / LOOKS); // ends early if leases turn out to be shorter
  await sleep(0); // what happened to connections meanwhile
  const signs = Atomics.load(shared.head, 0);
  if (signs === seen) await renewAll(tokensToRenew(shared, performance.timeOrigin + performance.now()));
  seen = signs;
}

async function renewAll(tokens: string[]): Promise<void> {
  const renew = async (token: string): Promise<unknown> =>
    caller
      .call({ method: "POST", target: `/v1/attempts/${token}`, body: NOTHING, timeoutMs: timeOfCall() })
      .catch(() => undefined); // it is lost, which the event loop hears from its next exchange
  await Promise.all(tokens.map(renew));
}
