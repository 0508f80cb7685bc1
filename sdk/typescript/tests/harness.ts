/** What the tests share: the real server, applications with queues of their own, a network that breaks, and waiting. */

import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { Treadle, type TaskOptions, type Worker, type WorkerOptions } from "../src/index.js";

const DEADLINE_MS = 30_000;

/** The first value of `ask()` that `fits`; fails when none came in time. */
export async function until<T>(ask: () => T | Promise<T>, fits: (value: T) => boolean = Boolean): Promise<T> {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = await ask();
    if (fits(value)) return value;
    assert.ok(performance.now() < end, `still ${String(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Something to wait for, that someone else resolves. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** The real program as a server, on a free port. It ends with the tests of the file. */
export class Server {
  port = 0;
  private readonly directory = mkdtempSync(join(tmpdir(), "treadle-ts-"));
  private process: ChildProcess | undefined;

  constructor() {
    after(async () => {
      await this.kill();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** On the same port if it ran before. */
  async start(): Promise<this> {
    const program = process.env["TREADLE"] as string;
    const words = ["server", "--data", join(this.directory, "data"), "--listen", `127.0.0.1:${this.port}`];
    this.process = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    const take = (bytes: Buffer): void => void (log += bytes.toString());
    this.process.stdout?.on("data", take);
    this.process.stderr?.on("data", take);
    this.port = Number(await until(() => /http:\/\/\S+?:(\d+)/.exec(log)?.[1] ?? ""));
    return this;
  }

  async kill(): Promise<void> {
    const process = this.process;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    process.kill("SIGKILL");
    await once(process, "exit");
  }

  async fetch(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const headers = { "content-type": "application/json" };
    const sent = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    const answer = await fetch(this.url + path, sent);
    const json = (await answer.json()) as Record<string, unknown>;
    assert.ok(answer.ok, JSON.stringify(json));
    return json;
  }

  queue(name: string): Promise<Record<string, unknown>> {
    return this.fetch("GET", `/v1/queues/${name}`);
  }
}

let number = 0;

/** An application whose tasks go to a queue of the test's own. */
export class App extends Treadle {
  readonly queue = `q${process.pid}-${++number}`;

  constructor(url: string) {
    super({ server: url });
    this.pool("", { queues: [this.queue] });
  }

  /** Options of tasks that go to its queue. */
  own(options: TaskOptions = {}): TaskOptions {
    return { queue: this.queue, ...options };
  }
}

/** A worker in this process. */
export class Running {
  text = "";
  error: unknown;
  readonly worker: Worker;
  readonly ended: Promise<void>;

  constructor(app: Treadle, options: WorkerOptions = {}) {
    const lines = (text: string): void => void (this.text += text);
    this.worker = app.worker({ json: false, signals: false, lines, ...options });
    this.ended = this.worker.run().catch((error: unknown) => void (this.error = error));
  }

  async stop(times = 1): Promise<void> {
    for (let i = 0; i < times; ++i) this.worker.stop();
    await this.ended;
  }
}

/** Runs `test` while a worker of `app` works. */
export async function whileWorking(
  app: Treadle,
  test: (running: Running) => Promise<void>,
  options?: WorkerOptions,
): Promise<void> {
  const running = new Running(app, options);
  try {
    await test(running);
  } finally {
    await running.stop(3);
  }
}

/** A certificate that nobody trusts who was not told to, and its key: PEM, and the file of the first. */
export interface Certificate {
  readonly file: string;
  readonly cert: string;
  readonly key: string;
}

/** For these names. It is removed with the tests of the file. */
export function makeCertificate(names = "DNS:localhost,IP:127.0.0.1"): Certificate {
  const place = mkdtempSync(join(tmpdir(), "treadle-ts-"));
  after(() => rmSync(place, { recursive: true, force: true }));
  const [file, keyFile] = [join(place, "certificate.pem"), join(place, "key.pem")];
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test".split(" ");
  const more = ["-addext", `subjectAltName=${names}`, "-out", file, "-keyout", keyFile];
  execFileSync("openssl", [...words, ...more], { stdio: "ignore" });
  return { file, cert: readFileSync(file, "utf8"), key: readFileSync(keyFile, "utf8") };
}

/** Passes bytes on to a server, with TLS if it has a certificate; can lose answers and cut connections. */
export class Proxy {
  url = "";
  requests = 0;
  private toLose = new Map<string, number>();
  private readonly sockets = new Set<Socket>();
  private readonly listener: NetServer;

  connections = 0;

  private constructor(
    private readonly target: number,
    certificate: Certificate | undefined,
  ) {
    const serve = (client: Socket): void => this.serve(client);
    this.listener = certificate === undefined ? createServer(serve) : createTlsServer(certificate, serve);
    this.listener.on("tlsClientError", () => undefined);
  }

  static async to(server: Server, certificate?: Certificate): Promise<Proxy> {
    const proxy = new Proxy(server.port, certificate);
    proxy.listener.listen(0, "127.0.0.1");
    await once(proxy.listener, "listening");
    const scheme = certificate === undefined ? "http" : "https";
    proxy.url = `${scheme}://127.0.0.1:${(proxy.listener.address() as { port: number }).port}`;
    after(() => proxy.close());
    return proxy;
  }

  /** The next answers to requests for paths that begin so are dropped, and their connections closed. */
  lose(path: string, count = 1): void {
    this.toLose.set(path, count);
  }

  get left(): number {
    return [...this.toLose.values()].reduce((sum, each) => sum + each, 0);
  }

  cut(): void {
    for (const each of this.sockets) each.destroy();
  }

  close(): void {
    this.listener.close();
    this.cut();
  }

  private serve(client: Socket): void {
    const server = connect(this.target, "127.0.0.1");
    ++this.connections;
    let losesNext = false;
    const cut = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const each of [client, server]) {
      this.sockets.add(each);
      each.on("error", cut);
      each.on("close", () => (this.sockets.delete(each), cut()));
    }
    client.on("data", (bytes: Buffer) => {
      const path = /^[A-Z]+ (\/v1\S*) HTTP\/1\.1\r\n/.exec(bytes.toString("latin1", 0, 200))?.[1];
      if (path !== undefined) {
        ++this.requests;
        losesNext = this.takesLoss(path);
      }
      server.write(bytes);
    });
    server.on("data", (bytes: Buffer) => (losesNext ? cut() : client.write(bytes)));
  }

  private takesLoss(path: string): boolean {
    for (const [prefix, count] of this.toLose) {
      if (count === 0 || !path.startsWith(prefix)) continue;
      this.toLose.set(prefix, count - 1);
      return true;
    }
    return false;
  }
}
