"""The command line: `treadle-worker MODULE:APP`, and `python -m treadle worker MODULE:APP`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import List, Optional, Sequence

from .app import Pool, Treadle, WorkerSettings
from .errors import TreadleError
from .reload import run_with_reload
from .worker.find_app import find_app
from .worker.worker import Worker


def worker_main(arguments: Optional[Sequence[str]] = None) -> None:
    """`treadle-worker`."""
    sys.exit(run_worker(list(sys.argv[1:] if arguments is None else arguments), "treadle-worker"))


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """`python -m treadle`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["worker"]:
        sys.exit(run_worker(words[1:], "python -m treadle worker"))
    usage = "usage: python -m treadle worker MODULE:APP [options]"
    if words in (["-h"], ["--help"]):
        print(f"{usage}\n\nRun the tasks of an application. Options: add worker --help.")
        sys.exit(0)
    print(usage, file=sys.stderr)
    sys.exit(2)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Run the tasks of an application until SIGTERM or SIGINT.",
        epilog=f"example: {program} app:app --queues mails,default --concurrency 20",
    )
    parser.add_argument("app", metavar="MODULE:APP", help="where the application is")
    parser.add_argument("--server", help="address of the server (default: TREADLE_SERVER)")
    parser.add_argument(
        "--ca-file", metavar="FILE", help="certificates to trust for https (default: the system's)"
    )
    parser.add_argument("--queues", metavar="A,B", help="queues of the pool without a name")
    parser.add_argument("--concurrency", type=int, metavar="N", help="tasks at the same time")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="run functions in N child processes"
    )
    parser.add_argument("--name", help="name of this worker in task views (default: HOST-PID)")
    parser.add_argument("--build", help="version of the program, for task histories")
    parser.add_argument(
        "--grace", type=float, metavar="SECONDS", help="time to finish after a signal"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="write no line for each task")
    parser.add_argument(
        "--json", action="store_true", help="write lines as JSON, also on a terminal"
    )
    parser.add_argument("--log-level", default="INFO", help="of Python's logging (default: INFO)")
    parser.add_argument(
        "--reload", action="store_true", help="start again when a file of Python changes"
    )
    return parser


def run_worker(words: List[str], program: str) -> int:
    """The exit status: 0 after an orderly end, 1 if something failed, 2 if the words are wrong."""
    options = _parser(program).parse_args(words)
    if options.reload:
        rest = [each for each in words if each != "--reload"]
        return run_with_reload([sys.executable, "-m", "treadle", "worker", *rest])
    logging.basicConfig(level=options.log_level.upper())
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if options.server:
        os.environ["TREADLE_SERVER"] = options.server
    if options.ca_file:
        os.environ["TREADLE_CA_FILE"] = options.ca_file
    try:
        app = find_app(options.app)
        return Worker(app, _settings(app, options)).run_until_signal()
    except TreadleError as error:
        print(f"{program}: {error.detail}", file=sys.stderr)
        return 2


def _settings(app: Treadle, options: argparse.Namespace) -> WorkerSettings:
    pool: Pool = app.pools[""]
    if options.queues:
        pool.queues = [each for each in options.queues.split(",") if each]
    if options.concurrency is not None:
        pool.concurrency = options.concurrency
    if options.processes is not None:
        pool.processes = options.processes
    settings = app.settings
    settings.name = options.name or settings.name
    settings.build = options.build or settings.build
    settings.quiet = options.quiet or settings.quiet
    if options.grace is not None:
        settings.shutdown_grace = options.grace
    if options.json:
        settings.json_lines = True
    return settings


if __name__ == "__main__":
    worker_main()
