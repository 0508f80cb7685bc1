"""`treadle bench`: every workload in small, on its own server and on a running one."""

import http.server
import json
import subprocess
import threading
import time

from treadle import BINARY, until


def bench(*words):
    done = subprocess.run([BINARY, "bench", *words, "--json"], text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_short_workload_says_what_it_measured(tmp_path):
    lines = bench("--serve", "--data", str(tmp_path), "--duration", "100ms", "--tasks", "3000")
    by_name = {line["workload"] for line in lines}
    assert by_name == {"enqueue", "drain", "cycle", "latency", "checkpoint", "memory", "recovery"}
    shapes = {(line["batch"], line["callers"], line.get("coalesce")) for line in lines if line["workload"] == "enqueue"}
    assert shapes == {(1, 1, "off"), (1, 1, "on"), (1, 1, "async"), (1, 32, "off"), (1, 32, "on"), (1, 32, "async"),
                      (100, 1, None), (100, 32, None), (1000, 1, None), (1000, 32, None)}
    for line in lines:
        assert line["tasks"] > 0 and line["seconds"] > 0
        assert line["durability"] == "fsync"
        if "p50_ms" in line:
            assert 0 < line["p50_ms"] <= line["p95_ms"] <= line["p99_ms"] <= line["max_ms"]
        if line["workload"] in ("enqueue", "drain", "cycle", "latency"):
            assert line["server_cpu_us_per_task"] >= 0
            assert line["shard_turn_ms_max"] > 0 and line["shard_turn_cpu_ms_max"] > 0
    cycle = next(line for line in lines if line["workload"] == "cycle")
    assert 0 < cycle["stall_ms"] <= 1000 * cycle["seconds"] and 0 < cycle["enqueue_stall_ms"] <= 1000 * cycle["seconds"]
    assert "rss_bytes_per_task" in next(line for line in lines if line["workload"] == "memory")
    assert list(tmp_path.iterdir()) == [], "the server's data must be removed"


def test_a_burst_is_ten_times_the_rate_between_two_steady_phases(tmp_path):
    before, burst, after = bench("burst", "--serve", "--data", str(tmp_path), "--duration", "900ms", "--rate", "100", "--batch", "2")
    assert [line["part"] for line in (before, burst, after)] == ["before", "burst", "after"]
    assert [line["rate"] for line in (before, burst, after)] == [100, 1000, 100]
    assert [line["tasks"] + line["refused"] for line in (before, burst, after)] == [60, 1800, 180]
    assert all(0 < line["p50_ms"] <= line["p99_ms"] for line in (before, burst, after))
    assert after.get("normal_after_s", 0) == 0, "only one second follows it"
    assert "normal_after_s" not in before and after["shard_turn_ms_max"] > 0


def test_growth_compares_many_waiting_tasks_with_few(tmp_path):
    lines = bench("growth", "--serve", "--data", str(tmp_path), "--duration", "50ms", "--tasks", "12000")
    assert [(line["part"], line["queued"], line["scheduled"]) for line in lines] == [
        ("enqueue", 10000, 0), ("enqueue", 12000, 0), ("drain", 10000, 0), ("drain", 12000, 0),
        ("enqueue", 10000, 0), ("enqueue", 10000, 12000), ("drain", 10000, 0), ("drain", 10000, 12000)]
    assert [line["ratio"] > 0 if "ratio" in line else None for line in lines] == [None, True] * 4
    for few, many in zip(lines[::2], lines[1::2]):
        assert abs(many["ratio"] - many["per_s"] / few["per_s"]) < 0.01
    assert list(tmp_path.iterdir()) == [], "the data of all servers must be removed"


def test_a_cycle_at_a_rate_keeps_that_rate(tmp_path):
    (line,) = bench("cycle", "--serve", "--data", str(tmp_path), "--duration", "1s", "--batch", "10", "--rate", "20")
    assert (line["rate"], line["tasks"]) == (20, 200)


def test_workloads_are_named_as_words_and_run_in_their_own_order(tmp_path):
    lines = bench("recovery", "drain", "--serve", "latency", "--data", str(tmp_path), "--duration", "200ms", "--rate", "200",
                  "--tasks", "1500", "--payload", "1000", "--workload", "checkpoint")
    assert [line["workload"] for line in lines] == ["drain", "latency", "checkpoint", "recovery"]
    drain, latency, checkpoint, recovery = lines
    assert drain["tasks"] >= 1500 and drain["payload_bytes"] == latency["payload_bytes"] == 1000
    assert latency["rate"] == 200 and 0 < latency["p50_ms"] < 5000
    assert checkpoint["checkpoints"] >= 0
    assert recovery["tasks"] >= 1500, "there must be something to recover"


def test_payloads_have_the_requested_size(server):
    """Checked by a worker that takes tasks of the type before the bench's own worker can. One task is enough."""
    process = subprocess.Popen([BINARY, "bench", "enqueue", "--server", server.url, "--batch", "1", "--callers", "1", "--coalesce", "off",
                                "--rate", "50", "--payload", "777", "--duration", "2s", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        queue = until(lambda: [each["name"] for each in server.get("/v1/queues").json["queues"] if each["name"].startswith("bench-")])[0]
        worker = server.worker("bench", queues=[queue])
        lease = worker.lease()[0]
        assert len(json.dumps(lease["payload"])) == 777
        assert worker.complete(lease) == "OK"
    finally:
        process.kill()
        process.wait()


def test_an_unknown_workload_is_refused():
    done = subprocess.run([BINARY, "bench", "drain", "enqeue"], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and '"enqeue" is not one of enqueue, drain' in done.stderr


def test_a_bench_leaves_no_waiting_task_on_a_running_server(server):
    lines = bench("--server", server.url, "--workload", "enqueue", "--batch", "10", "--callers", "2", "--duration", "100ms")
    assert [line["workload"] for line in lines] == ["enqueue"]
    assert "server_cpu_us_per_task" not in lines[0]
    queue = next(each for each in server.get("/v1/queues").json["queues"] if each["name"].startswith("bench-"))
    assert queue["tasks"].get("ready", 0) == 0
    assert queue["accepted"] == lines[0]["tasks"]


class SlowToBegin(http.server.BaseHTTPRequestHandler):
    """A server that delays its first enqueue by half a second and rejects workers."""

    protocol_version = "HTTP/1.1"
    waited = False

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # noqa: N802
        self.answer(200, b"{}")

    def do_POST(self):  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/exchange":
            return self.answer(401, b'{"code":"UNAUTHENTICATED","detail":"no workers here"}')
        if not SlowToBegin.waited:
            SlowToBegin.waited = True
            time.sleep(0.5)
        return self.answer(201, b'{"tasks":[{"id":"1-1","duplicate":false}]}')

    def log_message(self, *_):
        pass


def test_latency_counts_from_the_intended_start_of_a_call():
    slow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowToBegin)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    done = subprocess.run([BINARY, "bench", "--server", f"http://127.0.0.1:{slow.server_port}", "--workload", "enqueue",
                           "--batch", "1", "--callers", "1", "--coalesce", "off", "--rate", "100", "--duration", "1s",
                           "-o", "jsonl"], text=True, capture_output=True, timeout=60, check=False)
    slow.shutdown()
    line = json.loads(done.stdout.splitlines()[0])
    assert line["rate"] == 100
    # Call n was due at n x 10 ms but could not begin before 500 ms. So about half of 100 calls were late, by up to
    # 490 ms, although only one of them was answered slowly.
    assert line["p95_ms"] > 100
    assert "no workers here" in done.stderr, "the worker's reason must be reported"


def test_workloads_that_need_their_own_server_say_so(server):
    done = subprocess.run([BINARY, "bench", "--server", server.url, "recovery"], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and "--serve" in done.stderr
