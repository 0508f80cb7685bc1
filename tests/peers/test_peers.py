"""What `./dev peers` makes of its figures, and that every peer is documented."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench/peers"
sys.path.insert(0, str(PEERS))

import peers  # noqa: E402
from chart import BARS, OWN, SYNCED, UNSYNCED, chart  # noqa: E402
from contestants import CONTESTANTS, MODULES  # noqa: E402
from figures import medians, percentile  # noqa: E402
from measure import WORKLOADS  # noqa: E402
from processes import Children, Failed, descendants, memory_bytes, run, wait_until  # noqa: E402
from report import BEGIN, END, page, placed, table  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def contestant(name, syncs=True, **figures):
    return {
        "name": name,
        "title": name.title(),
        "syncs": syncs,
        "version": f"{name} 1.2",
        "setting": "as it is",
        "figures": figures,
        "rounds": [figures],
    }


def result(*contestants, skipped=()):
    machine = {
        "processor": "A <fast> one",
        "cores": 2,
        "memory_gib": 24.0,
        "system": "Debian",
        "file_system": "ext4",
        "append_sync_p50_ms": 0.3,
        "overwrite_sync_p50_ms": 0.2,
    }
    plan = {
        "rounds": 3,
        "seconds": 4.0,
        "backlog": 200_000,
        "rate": 1000,
        "callers": 32,
        "batch": 100,
        "payload_bytes": 256,
    }
    return {
        "date": "2026-11-28",
        "machine": machine,
        "plan": plan,
        "contestants": list(contestants),
        "skipped": list(skipped),
    }


WHOLE = {
    "batched_per_s": 300_000.4,
    "single_per_s": 40_000,
    "drain_per_s": 150_000,
    "latency_p50_ms": 0.36,
    "latency_p99_ms": 6.7,
    "latency_per_s": 999,
    "bytes_per_task": 140.2,
}


@pytest.mark.parametrize("percent, expected", [(50, 5), (90, 9), (99, 10), (100, 10), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent, expected):
    assert percentile([10, 3, 1, 2, 4, 6, 5, 8, 7, 9], percent) == expected


def test_the_percentile_of_one_value_is_that_value():
    assert percentile([7], 99) == 7


def test_medians_are_of_the_rounds_that_have_the_figure():
    rounds = [{"batched_per_s": 1, "drain_per_s": 5}, {"batched_per_s": 9}, {"batched_per_s": 2, "drain_per_s": 6}]
    assert medians(rounds) == {"batched_per_s": 2, "drain_per_s": 5.5}


def test_a_row_of_the_table_has_every_figure():
    row = table(result(contestant("treadle", **WHOLE))).splitlines()[2]
    assert row == "| Treadle | yes | 300,000 | 40,000 | 150,000 | 0.36 / 6.70 | 140 |"


def test_the_table_says_which_drain_was_not_pipelined_and_which_rate_was_not_held():
    row = table(
        result(contestant("slow", syncs=False, **{**WHOLE, "unpipelined_per_s": 8_000, "latency_per_s": 640}))
    ).splitlines()[2]
    assert "| no |" in row
    assert "150,000 (8,000 unpipelined)" in row
    assert "holds only 640/s: 0.36 / 6.70" in row


def test_a_missing_figure_is_a_dash():
    assert table(result(contestant("odd", single_per_s=5))).splitlines()[2] == "| Odd | yes | – | 5.00 | – | – | – |"


def test_the_page_says_when_where_and_what_is_missing():
    text = page(
        result(contestant("treadle", **WHOLE), skipped=[{"name": "x", "title": "X", "reason": "no Go\nlog"}]),
        "benchmarks",
    )
    for words in [
        "2026-11-28, A <fast> one, 2 cores",
        "0.30 ms (p50)",
        "0.20 ms",
        "- X: no Go",
        "benchmarks/peers.svg",
        "treadle 1.2",
        "What the table does not say",
    ]:
        assert words in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if line[:1] != "|") <= 100


def test_placing_content_twice_changes_nothing():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = placed(text, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert placed(once, "new") == once


def test_a_page_without_markers_is_rejected():
    with pytest.raises(ValueError, match="has no lines"):
        placed("nothing here", "new")


def test_bars_are_as_long_as_their_figures_and_the_longest_comes_first():
    picture = xml.etree.ElementTree.fromstring(
        chart(
            result(
                contestant("slow", syncs=False, batched_per_s=50),
                contestant("treadle", batched_per_s=200),
                contestant("other", batched_per_s=100),
            )
        )
    )
    bars = [(shape.get("fill"), float(shape.get("width"))) for shape in picture.iter(f"{SVG}rect") if shape.get("rx")][
        3:
    ]  # after the legend
    assert bars == [(OWN, BARS), (SYNCED, BARS / 2), (UNSYNCED, BARS / 4)]
    assert "A <fast> one" in "".join(picture.itertext())


def test_every_peer_is_named_in_help_and_documentation():
    helps = [
        subprocess.run([ROOT / "dev", "peers", "--help"], capture_output=True, text=True, check=True).stdout,
        subprocess.run(
            [sys.executable, "-B", PEERS / "peers.py", "--help"], capture_output=True, text=True, check=True
        ).stdout,
    ]
    for name in CONTESTANTS:
        assert all(name in text for text in helps), name
        assert f"`{name}`" in (ROOT / "docs/benchmarks.md").read_text(), name


def test_every_file_of_a_contestant_has_its_place_in_the_table():
    files = {path.stem for path in (PEERS / "contestants").glob("*.py") if "CONTESTANTS = " in path.read_text()} - {
        "__init__"
    }
    assert files == set(MODULES)


@pytest.mark.parametrize("each", CONTESTANTS.values(), ids=CONTESTANTS.keys())
def test_every_contestant_describes_its_settings(each):
    assert each.title and each.setting
    assert set(each.workloads) <= set(WORKLOADS)
    assert each.measures_itself or each.client
    assert ("sync" in each.setting) or not each.syncs


def test_the_page_has_markers():
    assert placed(peers.PAGE.read_text(encoding="utf-8"), "x")


def test_an_unknown_peer_is_refused_with_the_names_of_all():
    ran = subprocess.run(
        [sys.executable, "-B", PEERS / "peers.py", "rabbits"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "there is no peer 'rabbits'" in ran.stderr and "redis-streams-always" in ran.stderr


def test_publishing_a_part_is_refused():
    ran = subprocess.run(
        [sys.executable, "-B", PEERS / "peers.py", "--publish", "nats"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2 and "all peers" in ran.stderr


def test_processes_that_a_child_started_end_with_it(tmp_path):
    children = Children()
    child = children.start(["sh", "-c", "trap '' TERM; sleep 600 & sleep 601 & echo begun; wait"], tmp_path / "log")
    wait_until(
        lambda: "begun" in (tmp_path / "log").read_text() and len(descendants(child.pid)) == 2, child, "the shell"
    )
    family = descendants(child.pid)
    assert memory_bytes(child.pid) > memory_bytes(family[0]) > 0
    os.kill(child.pid, 9)
    child.wait()
    children.end_all()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in family) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_a_failed_command_reports_its_last_output(tmp_path):
    with pytest.raises(Failed, match="no such luck"):
        run(["sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")
    with pytest.raises(Failed, match="is not installed"):
        run(["no-such-program"], tmp_path / "log")


def test_a_published_result_is_the_one_in_the_page():
    published = peers.PUBLISHED / "peers.json"
    if not published.exists():
        pytest.skip("nothing was published yet")
    result_of_then = json.loads(published.read_text(encoding="utf-8"))
    assert table(result_of_then) in peers.PAGE.read_text(encoding="utf-8")
