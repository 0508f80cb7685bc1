#!/usr/bin/python3
"""Makes a Treadle write a small data directory with something of everything, and packs it with the answers that
clients got.

Run it once for each version, at its release. Later versions must open written/VERSION.tar.xz. The server is killed,
so that the journal holds frames that no checkpoint has folded, next to a store from an earlier life.

Example: write.py --treadle build/release/treadle
"""

import argparse
import base64
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import treadle  # noqa: E402

MONTH_MS = 30 * 86_400_000  # longer than shard time can jump while a directory lies unused
TASKS = {
    # name: fields of the enqueue; tell_life() below does the rest
    "ready": {"payload": {"n": 1}, "tags": ["blue"], "priority": 7},
    "bytes": {"payload_base64": base64.b64encode(bytes(range(256))).decode(), "content_type": "application/octet-stream"},
    "scheduled": {"run_at": "2099-01-01T00:00:00Z"},
    "retrying": {"type": "fails", "retry": {"backoff": "fixed", "backoff_base_ms": MONTH_MS, "backoff_cap_ms": MONTH_MS, "jitter": "none"}},
    "running": {"type": "runs", "max_attempts": 3},
    "completed": {"type": "completes", "idempotency_key": "only-once"},
    "dead": {"type": "dies", "max_attempts": 1},
    "cancelled": {"payload": "stop"},
    "steps": {"type": "saves", "unique_while": "done", "idempotency_key": "one",
              "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
}
POLICIES = {
    "/v1/queues/default": {"lease_ms": 3_600_000, "attempt_timeout_ms": MONTH_MS, "retention": {"completed_ms": MONTH_MS}},
    "/v1/queues/aside": {"capacity": {"tasks": 5}, "paused": True},
    "/v1/types/fails": {"retry": {"max_attempts": 9}},
    "/v1/types/checked/contracts/1": {"input_schema": {"type": "object", "required": ["n"]}},
}


def tell_life(server, life):
    """Does everything that TASKS names in one life of a server. Returns the answers by name."""
    told, worker = {}, server.worker("fails", "runs", "completes", "dies", "saves", name=f"w{life}")
    for path, policy in POLICIES.items():
        answer = server.call("PUT", path, policy)
        assert answer.status == 200, answer
    for name, fields in TASKS.items():
        fields = dict(fields)
        if "idempotency_key" in fields:
            fields["idempotency_key"] += str(life)
        told[name] = server.enqueue(fields.pop("type", "waits"), **fields)
    told["checked"] = server.enqueue("checked", payload={"n": 2}, queue="aside", contract_version=1)
    for _ in range(5):
        lease = worker.lease()[0]
        if lease["type"] == "completes":
            assert worker.complete(lease, result={"sum": 42}) == "OK"
        elif lease["type"] in ("fails", "dies"):
            assert worker.fail(lease, code="broken", message="it broke") == "OK"
        elif lease["type"] == "saves":
            saved = server.post(f"/v1/attempts/{lease['token']}", {
                "steps": [{"name": "charge", "result": {"id": 7}}], "checkpoint": {"data": {"at": 3}},
                "log": {"offset": 0, "text": "half way\n"}})
            assert saved.status == 200, saved
            told["token of steps"] = lease["token"]
        else:
            told["token of running"] = lease["token"]
    assert server.post(f"/v1/tasks/{told['cancelled']}/cancel", {"reason": "no need"}).status == 200
    return told


def expectations(server, told):
    """What a client sees of the tasks."""
    names = [name for name in told if not name.startswith("token")]
    seen = {"told": told, "tasks": {name: server.task(told[name]) for name in names}}
    seen["payloads"] = {name: base64.b64encode(server.get(f"/v1/tasks/{told[name]}/payload").body).decode() for name in names}
    seen["attempts"] = server.get(f"/v1/tasks/{told['steps']}/attempts").json
    seen["log"] = server.get(f"/v1/tasks/{told['steps']}/log").body.decode()
    return seen


def pack(directory, seen, path):
    """Spare segments and the ballast are room, not data."""
    with tarfile.open(path, "w:xz") as archive:
        def add(name, content):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        add("expected.json", json.dumps(seen, indent=1, sort_keys=True).encode())
        for file in sorted(directory.rglob("*")):
            name = str(file.relative_to(directory))
            if file.is_file() and name not in ("LOCK", "ballast") and "/spare-" not in name and not name.endswith("-shm"):
                add("data/" + name, file.read_bytes())


def write(directory, log):
    server = treadle.Server(directory, log=log).start()
    lives = [expectations(server, tell_life(server, 1))]
    assert server.stop() == 0
    server = treadle.Server(directory, log=log).start()
    lives.append(expectations(server, tell_life(server, 2)))
    version, queue = server.get("/v1/info").json["version"], server.queue()
    server.kill()
    return {"version": version, "lives": lives, "tasks_by_state": queue["tasks"], "accepted": queue["accepted"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treadle", required=True, help="the binary that writes")
    arguments = parser.parse_args()
    treadle.BINARY = arguments.treadle
    with tempfile.TemporaryDirectory() as base:
        directory = Path(base) / "data"
        seen = write(directory, Path(base) / "server.log")
        path = Path(__file__).parent / "written" / f"{seen['version']}.tar.xz"
        pack(directory, seen, path)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
