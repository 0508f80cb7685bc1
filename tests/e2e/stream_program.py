"""A program for `worker exec --stream` that does what each task asks for. Its arguments are words for its start.

The payload is a list of things to do, one after the other, each [WHAT, …]. Nothing but the standard library, and not much
of that, as each test starts it anew.
"""

import json
import os
import signal
import sys
import time


def write(**line):
    print(json.dumps(line), flush=True)


def saved():
    return json.loads(sys.stdin.readline())


def wait(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def do(task, what, *rest):
    if what == "write":  # a line as it is
        write(**rest[0])
    elif what == "save":  # and report the answer
        write(**rest[0])
        answers.append(saved())
    elif what == "show":  # parts of the task, or of this process
        own = {"pid": os.getpid(), "answers": answers, "descriptors": os.listdir("/proc/self/fd"), "TREADLE_STREAM": os.getenv("TREADLE_STREAM")}
        write(result={name: own.get(name, task.get(name)) for name in rest})
    elif what == "raw":
        sys.stdout.write(rest[0])
        sys.stdout.flush()
    elif what == "error":
        print(rest[0], file=sys.stderr, flush=True)
    elif what == "on_first":  # only in the first attempt
        if task["attempt"] == 1:
            do(task, *rest)
    elif what == "later":  # only in the attempts that follow
        if task["attempt"] > 1:
            do(task, *rest)
    elif what == "kill":
        os.kill(os.getpid(), getattr(signal, rest[0]))
    elif what == "exit":
        os._exit(rest[0])
    elif what == "close":
        os.close(1)
    elif what == "touch":
        open(rest[0], "w", encoding="ascii").close()
    elif what == "await":
        wait(rest[0])
    elif what == "on_term":  # a line
        signal.signal(signal.SIGTERM, lambda *_: (write(**rest[0]), os._exit(0)))
    elif what == "hang":
        signal.pause()
    elif what == "result_of":  # so many bytes
        write(result="x" * rest[0])
    elif what == "checkpoint_of":
        write(checkpoint={"data": "x" * rest[0]})
        answers.append(saved())
    elif what == "huge":
        sys.stdout.write("x" * rest[0])
        sys.stdout.flush()
    else:
        raise ValueError(what)


answers = []
words = sys.argv[1:]
if words[:1] == ["note"]:  # that it has started, in a file
    with open(words[1], "a", encoding="ascii") as notes:
        notes.write(f"{os.getpid()}\n")
    words = words[2:]
if words[:1] == ["unless"]:  # a file exists; else it fails
    if os.path.exists(words[1]):
        sys.exit("no such database")
    words = words[2:]
assert json.loads(sys.stdin.readline())["stream"] == 1
write(ready=1)
for line in sys.stdin:
    answers.clear()
    received = json.loads(line)
    for each in received["payload"]:
        do(received, *each)
    if words[:1] == ["once"]:
        sys.exit(0)
if words[:1] == ["leave"]:  # a file at the end
    open(words[1], "w", encoding="ascii").close()
