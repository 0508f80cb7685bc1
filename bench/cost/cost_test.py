#!/usr/bin/python3
"""The guard can fail. Tests what cost.py makes of profiles and counts; runs no workload."""

import json
import tempfile
import unittest
from pathlib import Path

import cost

PROFILE = """events: Ir
ob=(1) /build/treadle_cost
fn=(1) Run
16 100
+1 20
cob=(2) /usr/lib/libcrypto.so.3
cfn=(2) SHA256_Update
calls=3 0
* 5000
ob=(2)
fn=(2)
0 4000
cob=(3) /usr/lib/libc.so.6
cfn=(3) memcpy
calls=1 0
0 1000
ob=(3)
fn=(3)
0 1000
totals: 5120
"""


def row(**counts):
    return {"workload": "w", "tasks": 100, **dict.fromkeys(cost.COUNTS, 100), **counts}


LIMITS = {"w": dict.fromkeys(cost.COUNTS, 100)}


class Profiles(unittest.TestCase):
    def test_every_instruction_counts_once_and_hashing_separately(self):
        self.assertEqual(cost.instructions(PROFILE), (1120, 4000))


class Judging(unittest.TestCase):
    def judged(self, judged=cost.COUNTS, **counts):
        return tuple(map(len, cost.judge([row(**counts)], LIMITS, judged)))

    def test_unchanged_counts_are_in_order(self):
        self.assertEqual(self.judged(), (0, 0, 0))

    def test_each_count_has_its_own_slack(self):
        self.assertEqual(self.judged(instructions_per_task=103, bytes_written_per_task=101), (0, 0, 0))
        self.assertEqual(self.judged(instructions_per_task=103.1), (1, 0, 0))
        self.assertEqual(self.judged(allocations_per_task=100.001), (1, 0, 0))
        self.assertEqual(self.judged(bytes_written_per_task=101.1), (1, 0, 0))
        self.assertEqual(self.judged(syncs=101), (1, 0, 0))

    def test_a_much_better_count_is_reported(self):
        self.assertEqual(self.judged(instructions_per_task=90), (0, 1, 0))
        self.assertEqual(self.judged(instructions_per_task=97), (0, 0, 0))

    def test_something_where_nothing_was_costs_more(self):
        limits = {"w": dict.fromkeys(cost.COUNTS, 0)}
        worse, _, _ = cost.judge([row(**dict.fromkeys(cost.COUNTS, 0), ) | {"syncs": 1}], limits, cost.COUNTS)
        self.assertEqual(len(worse), 1)

    def test_a_workload_without_limits_is_unknown(self):
        _, _, unknown = cost.judge([row(workload="new")], LIMITS, cost.COUNTS)
        self.assertEqual(len(unknown), len(cost.COUNTS))

    def test_another_build_is_not_judged_by_its_instructions(self):
        others = [count for count in cost.COUNTS if count not in cost.INSTRUCTIONS]
        self.assertEqual(self.judged(others, instructions_per_task=200), (0, 0, 0))
        self.assertEqual(self.judged(others, syncs=101), (1, 0, 0))


class Accepting(unittest.TestCase):
    def accepted(self, build, **counts):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "limits.json"
            before = {"build": "b", "limits": {"w": dict(LIMITS["w"])}}
            cost.accept([row(**counts)], build, before, path)
            return json.loads(path.read_text(encoding="utf-8"))

    def test_small_steps_do_not_add_up(self):
        self.assertEqual(self.accepted("b", instructions_per_task=102)["limits"], LIMITS)

    def test_a_count_beyond_its_slack_becomes_the_new_limit(self):
        limits = self.accepted("b", instructions_per_task=110, syncs=99)["limits"]["w"]
        self.assertEqual((limits["instructions_per_task"], limits["syncs"], limits["allocations_per_task"]),
                         (110, 99, 100))

    def test_another_build_has_new_instructions(self):
        written = self.accepted("c", instructions_per_task=102)
        self.assertEqual((written["build"], written["limits"]["w"]["instructions_per_task"]), ("c", 102))


if __name__ == "__main__":
    unittest.main()
