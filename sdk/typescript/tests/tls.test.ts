/** Servers with https: a proxy with TLS in front of the real one. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { Worker as Thread } from "node:worker_threads";
import { Client, InternalError, InvalidArgumentError, Treadle, UnavailableError } from "../src/index.js";
import { App, makeCertificate, Proxy, Running, Server, until, whileWorking } from "./harness.js";

const server = await new Server().start();
const certificate = makeCertificate();
const soon = { timeout: "30s" };
const trusting = { caFile: certificate.file };

/** An application behind TLS, with a queue of its own. */
function secured(url: string): App {
  const app = new App(url);
  app.client = new Client({ server: url, ...trusting });
  return app;
}

function refuses(kind: new (...words: never[]) => Error, message: RegExp) {
  return (error: unknown): true => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    return true;
  };
}

test("tasks are enqueued and run through TLS", async () => {
  const proxy = await Proxy.to(server, certificate);
  const app = secured(proxy.url);
  const twice = app.task("twice", app.own(), async (n: number, context) => {
    await context.saveCheckpoint(n);
    return 2 * n;
  });
  await whileWorking(app, async (running) => {
    const handles = await twice.enqueueMany(Array.from({ length: 50 }, (_, i) => i));
    for (const [i, handle] of handles.entries()) assert.equal(await handle.result(soon), 2 * i);
    assert.doesNotMatch(running.text, /trying again/);
  });
  assert.ok(proxy.requests > 50);
});

test("the file of certificates is that of the environment, or of the option", async (t) => {
  const proxy = await Proxy.to(server, certificate);
  const other = makeCertificate();
  t.after(() => delete process.env["TREADLE_CA_FILE"]);
  process.env["TREADLE_CA_FILE"] = certificate.file;
  assert.ok((await new Client({ server: proxy.url }).enqueue("t")).id);
  await assert.rejects(
    new Client({ server: proxy.url, caFile: other.file }).enqueue("t"),
    refuses(InternalError, /cannot be trusted/),
  );
  process.env["TREADLE_CA_FILE"] = other.file;
  assert.ok((await new Client({ server: proxy.url, ...trusting }).enqueue("t")).id);
});

test("a certificate that nobody trusts is an error at once that names the option", async (t) => {
  t.after(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"; // it does not turn verification off
  const proxy = await Proxy.to(server, certificate);
  const begun = performance.now();
  await assert.rejects(
    new Client({ server: proxy.url }).enqueue("t"),
    refuses(InternalError, /cannot be trusted: self.signed certificate.*caFile or TREADLE_CA_FILE/),
  );
  assert.ok(performance.now() < begun + 10_000, "it was tried again, though that ends the same");
  assert.equal(proxy.requests, 0);
});

test("a certificate of another host is refused, and the host may be a name", async () => {
  const another = makeCertificate("DNS:queue.example");
  const wrong = await Proxy.to(server, another);
  for (const url of [wrong.url, wrong.url.replace("127.0.0.1", "localhost")])
    await assert.rejects(
      new Client({ server: url, caFile: another.file }).enqueue("t"),
      refuses(InternalError, /cannot be trusted: .*\w; use a name that the certificate has/),
    );
  assert.equal(wrong.requests, 0);
  const right = await Proxy.to(server, certificate);
  const named = right.url.replace("127.0.0.1", "localhost");
  assert.ok((await new Client({ server: named, ...trusting }).enqueue("t")).id);
});

test("a server without TLS is named as one", async () => {
  const begun = performance.now();
  await assert.rejects(
    new Client({ server: server.url.replace("http:", "https:") }).enqueue("t"),
    refuses(InternalError, /does not speak TLS\. Treadle itself does not: write http:\/\//),
  );
  assert.ok(performance.now() < begun + 10_000);
});

test("a file of certificates that cannot be read is refused at once", () => {
  const empty = makeCertificate().file;
  writeFileSync(empty, "no PEM\n");
  for (const [caFile, why] of [
    [`${empty}.not`, /ENOENT/],
    [empty, /no certificate/],
  ] as const) {
    assert.throws(() => new Client({ server: "https://a", caFile }), refuses(InvalidArgumentError, why));
    new Client({ server: "http://a", caFile }); // nobody needs it
  }
});

test("kept connections are used again, and made again when they are cut", async () => {
  const proxy = await Proxy.to(server, certificate);
  const client = new Client({ server: proxy.url, ...trusting });
  for (let i = 0; i < 5; ++i) await client.enqueue("t");
  assert.equal(proxy.connections, 1);
  for (let i = 0; i < 3; ++i) {
    proxy.cut();
    assert.ok((await client.enqueue("t")).id);
  }
  assert.equal(proxy.connections, 4);
  proxy.lose("/v1/tasks");
  assert.ok((await client.enqueue("t")).id, "an answer that is lost is asked for again");
  assert.equal(proxy.left, 0);
});

/** For a test that keeps the event loop, and a proxy in it, from working. Its address. */
async function proxyInAThread(): Promise<string> {
  const source = `
    const { connect } = require("node:net"), { workerData, parentPort } = require("node:worker_threads");
    const listener = require("node:tls").createServer(workerData, (client) => {
      const server = connect(workerData.port, "127.0.0.1");
      client.pipe(server).pipe(client);
      client.on("error", () => server.destroy());
      server.on("error", () => client.destroy());
    });
    listener.listen(0, "127.0.0.1", () => parentPort.postMessage(listener.address().port));`;
  const thread = new Thread(source, { eval: true, workerData: { ...certificate, port: server.port } });
  after(() => thread.terminate());
  const [port] = (await once(thread, "message")) as [number];
  return `https://127.0.0.1:${port}`;
}

test("leases are renewed through TLS while a handler computes", async () => {
  const app = secured(await proxyInAThread());
  await server.fetch("PUT", `/v1/queues/${app.queue}`, { lease_ms: 2_000 });
  let runs = 0;
  const spins = app.task("spins", app.own({ maxAttempts: 1 }), () => {
    const end = performance.now() + 3_500;
    while (performance.now() < end);
    return ++runs;
  });
  const first = app.task("first", app.own(), () => null);
  await whileWorking(app, async () => {
    await (await first.enqueue()).result(soon);
    const handle = await spins.enqueue();
    assert.equal(await handle.result(soon), 1);
    assert.equal((await handle.info()).attempt, 1);
  });
});

test("a worker waits for a certificate that it can trust", async () => {
  const proxy = await Proxy.to(server, certificate);
  const app = new App(proxy.url);
  app.task("never", app.own(), () => null);
  const running = new Running(app);
  await until(() => running.text.includes("cannot be trusted"));
  await running.stop(3);
  assert.match(running.text, /trying again until it answers/);
});

test("a server that closes, or never answers the handshake, is asked again in time", async (t) => {
  for (const [closes, why] of [
    [true, /cannot speak TLS with|closed|ECONNRESET/],
    [false, /no answer in time/],
  ] as const) {
    let connections = 0;
    const listener = createServer((socket) => {
      ++connections;
      socket.on("error", () => undefined);
      if (closes) socket.destroy();
      else t.after(() => socket.destroy());
    }).listen(0, "127.0.0.1");
    t.after(() => listener.close());
    await once(listener, "listening");
    const url = `https://127.0.0.1:${(listener.address() as { port: number }).port}`;
    const client = new Client({ server: url, ...trusting, timeout: 800, connectTimeout: 200 });
    await assert.rejects(client.enqueue("t"), refuses(UnavailableError, why));
    assert.ok(connections > 1);
  }
});

test("an application takes the file as well", async () => {
  const proxy = await Proxy.to(server, certificate);
  const app = new Treadle({ server: proxy.url, ...trusting });
  assert.ok((await app.client.enqueue("t")).id);
});
