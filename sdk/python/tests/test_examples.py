"""The README and the examples do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SDK, Program, load

import treadle

EXAMPLES = SDK / "examples"


@pytest.fixture
def example(server, tmp_path):
    """A worker of an example, from its own directory."""
    started = []

    def start(name):
        code = (
            f"import os; os.chdir({str(EXAMPLES)!r}); import sys; "
            f"sys.argv[1:] = ['worker', '{name}:app']; import treadle.__main__"
        )
        started.append(Program(server.url, tmp_path / f"{name}.log", "-c", code))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def run(server, path):
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"TREADLE_SERVER": server.url, "PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_two_minute_example_works(server, example):
    example("app")
    assert re.fullmatch(r"1-\d+ a-300\.png\n", run(server, EXAMPLES / "app.py"))


def test_orders_are_fulfilled(server, example):
    example("orders")
    id, total = run(server, EXAMPLES / "orders.py").split()
    with treadle.Client(server.url) as client:
        assert "charged Ada: receipt-Ada-350" in client.log(id)
        with pytest.raises(
            treadle.InvalidArgumentError, match=r"items\[0\].cents must be an integer"
        ):
            client.enqueue("fulfil", {"customer": "Bob", "items": [{"name": "pen", "cents": "2"}]})
    assert total == "350"


def test_the_examples_own_tests_pass():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_orders.py"],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_readme_shows_the_examples_as_they_are():
    text = (SDK / "README.md").read_text()
    shown = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", text, re.S)
    assert shown
    for path, code in shown:
        assert code == (SDK / path).read_text(), f"README.md shows another {path}"


def test_the_readmes_test_passes():
    text = (SDK / "README.md").read_text()
    (code,) = re.findall(r"```python\n(from treadle.testing.*?)```", text, re.S)
    names = dict(vars(load("example_app", EXAMPLES / "app.py")))
    exec(code, names)
    names["test_resize"]()


def test_the_readme_names_every_option_and_what_is_public():
    text = (SDK / "README.md").read_text()
    for name in treadle.TaskOptions.__dataclass_fields__:
        assert name in text, name
    for name in treadle.__all__:
        assert hasattr(treadle, name)
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (SDK / path).exists(), path


def test_everything_public_has_a_docstring():
    for name in treadle.__all__:
        assert getattr(treadle, name).__doc__ or name in ("Middleware",), name


def test_lines_wrap_at_100_columns():
    for path in sorted(Path(SDK / "treadle").rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line) <= 100, f"{path.name}:{number}"
