#!/usr/bin/python3
"""Tasks a second of `treadle worker exec`: a process for each task against programs that keep running (--stream).

    bench/stream.py [TREADLE]     one line for each language: both rates, and their ratio

In each language the same handler runs in both ways: it reads the payload, {"name": "Ada"}, and returns the name as JSON. A
server of its own on a data directory of its own, 2 programs at the same time, three rounds in turns, medians. From a
tenth of the tasks to the last, so that neither the start of the worker nor that of the first programs counts.
"""

import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS, PROGRAMS, SECONDS = 3, 2, 3

# Compiled into the folder of the run. A name has no escapes here.
IN_C = r"""
#include <stdio.h>
#include <string.h>
static const char *name_in(char *line) {
  char *name = strstr(line, "\"name\":\"") + 8;
  name[strcspn(name, "\"")] = 0;
  return name;
}
int main(int argc, char **argv) {
  static char line[1 << 16];
  if (argc == 1) return fgets(line, sizeof line, stdin) ? printf("\"%s\"", name_in(line)) < 0 : 1;
  for (fgets(line, sizeof line, stdin), puts("{\"ready\":1}"); fflush(stdout), fgets(line, sizeof line, stdin);)
    printf("{\"result\":\"%s\"}\n", name_in(line));
}
"""

# For each language: one task from standard input to standard output, and lines.
HANDLERS = {
    "C": (["./in_c"], ["./in_c", "stream"]),
    "bash": (["bash", "-c", '''read -r task; [[ $task =~ :\\"([^\\"]*)\\" ]]; echo "\\"${BASH_REMATCH[1]}\\""'''],
             ["bash", "-c", '''read -r _; echo '{"ready":1}'
while read -r task; do [[ $task =~ \\"name\\":\\"([^\\"]*)\\" ]]; echo "{\\"result\\":\\"${BASH_REMATCH[1]}\\"}"; done''']),
    "perl": (["perl", "-MJSON::PP", "-e", "print JSON::PP->new->allow_nonref->encode(decode_json(<STDIN>)->{name})"],
             ["perl", "-MJSON::PP", "-e", '''$| = 1; <STDIN>; print qq({"ready":1}\\n);
while (<STDIN>) { print encode_json({ result => decode_json($_)->{payload}{name} }), "\\n" }''']),
    "php": (["php", "-r", 'echo json_encode(json_decode(fgets(STDIN), true)["name"]);'],
            ["php", "-r", '''fgets(STDIN); echo '{"ready":1}', "\\n";
while (($line = fgets(STDIN)) !== false) echo json_encode(["result" => json_decode($line, true)["payload"]["name"]]), "\\n";''']),
    "python": (["/usr/bin/python3", "-c", "import json, sys; print(json.dumps(json.load(sys.stdin)['name']))"],
               ["/usr/bin/python3", "-c", '''import json, sys
sys.stdin.readline(); print('{"ready":1}', flush=True)
for line in sys.stdin: print(json.dumps({"result": json.loads(line)["payload"]["name"]}), flush=True)''']),
    "ruby": (["ruby", "-rjson", "-e", 'puts JSON.generate(JSON.parse($stdin.read)["name"])'],
             ["ruby", "-rjson", "-e", '''$stdout.sync = true; gets; puts '{"ready":1}'
$stdin.each_line { |line| puts JSON.generate({ result: JSON.parse(line)["payload"]["name"] }) }''']),
}


class Server:
    def __init__(self, treadle, folder):
        self.log = open(f"{folder}/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([treadle, "server", "--data", f"{folder}/data", "--listen", "127.0.0.1:0"], stderr=self.log)
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", Path(self.log.name).read_text(encoding="utf-8"))):
            time.sleep(0.02)
        self.port = int(found.group(1))

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body, separators=(",", ":")), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status in (200, 201), text
        return json.loads(text)

    def enqueue(self, queue, count):
        task = {"type": "t", "queue": queue, "payload": {"name": "Ada"}}
        for first in range(0, count, 1000):
            self.call("POST", "/v1/tasks/batch", {"tasks": [task] * min(1000, count - first)})

    def left(self, queue):
        tasks = self.call("GET", f"/v1/queues/{queue}")["tasks"]
        assert tasks["dead"] == tasks["retrying"] == 0, "the program fails"
        return tasks["ready"] + tasks["running"]


def rate(server, treadle, queue, count, words):
    """Tasks a second."""
    server.enqueue(queue, count)
    worker = subprocess.Popen([treadle, "worker", "exec", "t", "--queue", queue, "-q", "-c", str(PROGRAMS), *words],
                              stderr=subprocess.DEVNULL, env={**os.environ, "TREADLE_SERVER": f"http://127.0.0.1:{server.port}"})
    try:
        begun = None
        while left := server.left(queue):
            if begun is None and left <= count * 0.9:
                begun = (time.monotonic(), left)
            time.sleep(0.02)
        return begun[1] / (time.monotonic() - begun[0])
    finally:
        worker.terminate()
        worker.wait()


def main():
    treadle = os.path.abspath(sys.argv[1]) if sys.argv[1:] else str(ROOT / "build/release/treadle")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcc", "-O2", "-x", "c", "-", "-o", f"{folder}/in_c"], input=IN_C, text=True, check=True)
        os.chdir(folder)
        rates = {name: ([], []) for name in HANDLERS if shutil.which(HANDLERS[name][0][0])}
        server = Server(treadle, folder)
        try:
            for turn in range(ROUNDS):
                for name, measured in rates.items():
                    for way, words in enumerate((["--", *HANDLERS[name][0]], ["--stream", "--", *HANDLERS[name][1]])):
                        count = (100, 10_000)[way] if not measured[way] else max(50, int(measured[way][-1] * SECONDS))
                        measured[way].append(rate(server, treadle, f"{name}.{way}.{turn}", count, words))
        finally:
            server.process.terminate()
            server.process.wait()
            server.log.close()
    for name, (one, many) in rates.items():
        one, many = statistics.median(one), statistics.median(many)
        print(f"{name:7} process per task {one:7.1f}/s   stream {many:7,.0f}/s   ratio {many / one:6,.0f}")


if __name__ == "__main__":
    main()
