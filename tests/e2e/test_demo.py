"""`treadle demo DIR --serve --once --json`: a real job on real files, with every file accounted for."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from treadle import run

NOBODY = 65534


@pytest.fixture
def tree(tmp_path):
    base = tmp_path / "tree"
    for n in range(60):
        path = base / f"d{n % 7}" / f"file {n}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"line {n}\nand another é\n" * n)
    (base / "empty").touch()
    (base / "bytes.bin").write_bytes(bytes(range(256)) * 500)
    (base / "link").symlink_to(base / "empty")
    return base


def demo(tree, data, **options):
    result = run("demo", str(tree), "--serve", "--once", "--json", "--data", str(data), "--listen", "127.0.0.1:0",
                 timeout=120, **options)
    return json.loads(result.stdout.strip().splitlines()[-1])


def test_every_file_is_digested_once(tree, tmp_path):
    figures = demo(tree, tmp_path / "data")
    assert {k: figures[k] for k in ("files", "completed", "dead", "lost", "duplicates", "verified")} == {
        "files": 62, "completed": 62, "dead": 0, "lost": 0, "duplicates": 0, "verified": True}
    assert figures["tasks_per_s"] > 0
    assert 0 <= figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]


def test_it_can_be_run_again_on_the_same_data(tree, tmp_path):
    for _ in range(2):
        figures = demo(tree, tmp_path / "data")
        assert (figures["completed"], figures["duplicates"], figures["lost"]) == (62, 0, 0)


def test_an_unreadable_file_is_accounted_for(tree):
    """Root can read everything, so as root the demo runs as nobody, in a directory open to nobody."""
    with tempfile.TemporaryDirectory() as base:
        shutil.copytree(tree, f"{base}/tree", symlinks=True)
        secret = Path(base, "tree/d1/secret")
        secret.write_text("x")
        secret.chmod(0)
        command = ()
        if os.geteuid() == 0:
            os.chmod(base, 0o755)
            for path in [base, *Path(base).rglob("*")]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            command = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        figures = demo(f"{base}/tree", f"{base}/data", command=command)
    assert {k: figures[k] for k in ("files", "completed", "dead", "lost")} == {
        "files": 63, "completed": 62, "dead": 1, "lost": 0}


def test_a_missing_directory_is_one_clear_error(tmp_path):
    result = run("demo", str(tmp_path / "none"), "--serve", "--once", "--data", str(tmp_path / "data"), expect=None)
    assert result.returncode not in (0, 1) and "none" in result.stderr
