"""The programs of examples/coming-from/: how each is run, and what it prints."""

from contextlib import ExitStack

from programs import EXAMPLES, PYTHON, PYTHON_SDK, WORKER, Program, build_go_program, node_project, run

PLACE = EXAMPLES / "coming-from"
LINES = ["A-17: charged 250 cents", "A-17: receipt mailed"]


class Port:
    """One program: the commands of its workers, and the command that enqueues. Its lines are what the latter prints, or what
    the first worker prints, in any order, if `results` is false."""

    def __init__(self, cwd, workers, enqueue, results=True, setup=None, **environment):
        self.cwd, self.workers, self.enqueue, self.results = cwd, workers, enqueue, results
        self.setup, self.environment = setup, environment

    def run(self, logs, deadline_s=60, status=0, **environment):
        """The lines, once all of them are printed. The workers must end with `status` (None: any)."""
        environment = {**self.environment, **environment}
        if self.setup:
            run(*self.setup, cwd=self.cwd, **environment)
        with ExitStack() as stack:
            workers = [stack.enter_context(Program(logs / f"worker-{number}.log", *command, cwd=self.cwd, **environment))
                       for number, command in enumerate(self.workers)]
            printed = run(*self.enqueue, cwd=self.cwd, timeout=deadline_s, **environment)
            if not self.results:
                workers[0].until_it_prints(*LINES, deadline_s=deadline_s)
            ended = [each.stop() for each in workers]
            assert status is None or ended == [status] * len(workers), workers[0].text
        if self.results:
            return printed.splitlines()
        return [line for line in LINES for _ in range(workers[0].text.count(line))]  # two may share a line


def in_python(name, *flags, results=True):
    return Port(PLACE / name, [[PYTHON, *WORKER, "after:app", *flags]], [PYTHON, "after.py"], results, **PYTHON_SDK)


def in_javascript(name, project, sdk, results=True):
    node_project(project, [PLACE / name / "after.mjs"], sdk)
    return Port(project, [["node", "after.mjs", "work"]], ["node", "after.mjs"], results)


def in_go(name, program):
    build_go_program(PLACE / name / "after", program)
    return Port(PLACE / name, [[program, "work"]], [program])
