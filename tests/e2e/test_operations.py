"""The pages for operators and contributors: their commands run against a real server, their commands and flags exist,
and the messages in the troubleshooting page are the program's."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from treadle import BINARY, ROOT, run

PAGES = ["docs/operations.md", "docs/troubleshooting.md", "docs/semantics.md", "docs/reliability.md", "docs/benchmarks.md",
         "docs/architecture.md", "docs/formats/journal.md", "docs/formats/effects.md", "docs/formats/store.md",
         "docs/formats/backup.md", "CONTRIBUTING.md"]

PACKAGE, SYSTEMD = "installs a package; ./dev package --verify does so in a bare Debian", "needs systemd; ./dev package --verify has it"
BENCH, DEV = "measures for minutes; test e2e_bench runs the bench", "builds, or runs this test"
# Commands that a page shows and this test does not type, with the reason. Whole lines.
NOT_RUN = {
    "apt-get install ./build/package/treadle_0.4.0_amd64.deb": PACKAGE,
    "apt-get install libfmt9 libsimdjson14 libprometheus-cpp-core1.0 libssl3": PACKAGE,
    "systemctl status treadle": SYSTEMD,
    "systemctl reload treadle": SYSTEMD,
    "systemctl restart treadle": SYSTEMD,
    "systemctl edit treadle                 # [Service], then ReadWritePaths=/mnt/backups/treadle": SYSTEMD,
    "install -m 600 -o treadle /dev/null /etc/treadle/token": "needs root and the user of the package",
    "openssl rand -hex 32 > /etc/treadle/token": "the server of this test has its token already",
    "curl https://queue.example/readyz": "needs a proxy and a name; test_a_proxy_that_passes_the_host_is_let_in sends the same request",
    "TREADLE_SERVER=https://queue.example treadle info": "needs a proxy and a name; test_tls has a proxy with TLS",
    "gpg --verify SHA256SUMS.asc SHA256SUMS": "needs a release; test release checks one",
    "sha256sum --check --ignore-missing SHA256SUMS": "needs a release; test release checks one",
    "treadle bench enqueue latency --serve --data /srv --duration 2s": BENCH,
    "treadle bench --serve": BENCH,
    "treadle bench enqueue drain": BENCH,
    "./dev build              # installs what is missing; leaves build/release/treadle": DEV,
    "./dev test               # every test; -R REGEX for some of them": DEV,
    "./dev lint               # format, tree, shellcheck, thread safety, clang-tidy; --fast without clang-tidy": DEV,
    "./dev fmt                # formats in place": DEV,
}


def text_of(page):
    return (ROOT / page).read_text()


def shown(page):
    """The commands of a page, one per line."""
    return "".join(re.findall(r"^ *```sh\n(.*?)^ *```$", text_of(page), re.M | re.S)).splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work(page, start_server, tmp_path):
    commands = [line for line in shown(page) if line not in NOT_RUN]
    if not commands:
        return
    token, backups, stopped = tmp_path / "token", tmp_path / "backups", tmp_path / "stopped"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    backups.mkdir()
    start_server(stopped).stop()
    has_token = any("/etc/treadle/token" in line for line in commands)
    server = start_server(tmp_path / "data", *(["--token-file", str(token)] if has_token else []), "--backup-directory", str(backups))
    # The page's paths are those of the package. A person copies the backup's name from the line above.
    places = {"/etc/treadle/token": str(token), "/var/lib/treadle": str(stopped), "localhost:7373": server.url.removeprefix("http://"),
              "/mnt/backups/treadle/treadle-20261124T030000.000Z-manual.backup": f"{backups}/*-manual.backup",
              "--repair": "--repair --yes"}
    script = "\n".join(commands)
    for place, here in places.items():
        script = script.replace(place, here)
    environment = dict(os.environ, PATH=f"{Path(BINARY).resolve().parent}:{os.environ['PATH']}", HOME=str(tmp_path),
                       TREADLE_SERVER=server.url, TREADLE_TOKEN_FILE=str(token))
    run("enqueue", "hello", "{}", env=environment)  # creates a task and a queue
    typed = subprocess.run(["bash", "-e", "-o", "pipefail", "-x"], input=script, text=True, capture_output=True, timeout=60,
                           cwd=tmp_path, env=environment, check=False)
    assert typed.returncode == 0, typed.stdout + typed.stderr


def test_every_line_that_is_not_run_is_on_some_page():
    assert {line for page in PAGES for line in shown(page) if line in NOT_RUN} == set(NOT_RUN)


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_in_blocks_that_are_run(page):
    """Commands that are indented or in a block of another language are never typed."""
    text = re.sub(r"^ *```sh\n.*?^ *```$", "", text_of(page), flags=re.M | re.S)
    assert re.findall(r"^(?: {4}|)(?:treadle (?!/|is )\S+|curl|\./dev|apt-get|systemctl) .*$", text, re.M) == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_flags_within_sentences_exist(page):
    text = re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.M | re.S)
    reference = text_of("docs/reference/cli.md")
    sections = {heading: body for heading, body in re.findall(r"^## (treadle.*?)\n(.*?)(?=^## |\Z)", reference, re.M | re.S)}
    common = reference.partition("\n## ")[0]
    for command in (" ".join(each.split()) for each in re.findall(r"`(treadle [^`]+)`", text)):
        words = re.match(r"treadle(?: [a-z][a-z-]*)*", command).group().split()
        while " ".join(words) not in sections and len(words) > 1:
            words.pop()  # an argument
        assert len(words) > 1, f"{page}: {command}"
        for flag in re.findall(r"(?<= )--?[a-z][a-z-]*", command.partition(" -- ")[0]):
            assert f"`{flag}" in sections[" ".join(words)] + common or f", {flag}" in sections[" ".join(words)], f"{page}: {command}"
    verbs = set(re.findall(r"^cmd_(\w+)\(\)", (ROOT / "dev").read_text(), re.M))
    for verb in re.findall(r"`\./dev ([a-z]+)", text):
        assert verb in verbs, f"{page}: ./dev {verb}"


def messages():
    """The messages on the troubleshooting page: lines of `text` blocks, and quoted first cells of table rows."""
    text = text_of("docs/troubleshooting.md")
    blocks = "".join(re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)).splitlines()
    cells = [cell for cell in re.findall(r"^\| `([^`]+)` \|", text, re.M) if " " in cell]
    return blocks + cells


def literals():
    """The string literals of the sources, with adjacent ones joined as the compiler does."""
    sources = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.cc")) if not path.stem.endswith("_test"))
    return re.sub(r"\"\s*\n\s*\"", "", sources).replace('\\"', '"')


def test_the_troubleshooting_page_quotes_the_programs_messages():
    known, quoted = literals(), messages()
    assert len(quoted) > 30
    parts = [(message, part.strip(" '\"().")) for message in quoted for part in re.split(r"…|[;,] | \(", message)]
    unknown = {message: part for message, part in parts if len(part) > 3 and part not in known}
    assert unknown == {}


def test_a_message_that_the_program_does_not_print_would_be_found():
    assert "no program prints this sentence" not in literals()
    assert "the disk is nearly full: new tasks are refused" in literals()


def test_a_proxy_that_passes_the_host_is_let_in(start_server, data_dir):
    """Sends the requests of nginx as configured in docs/operations.md, which was tried by hand."""
    server = start_server(data_dir, "--allowed-hosts", "queue.example")
    assert server.get("/v1/info", headers={"Host": "queue.example"}).status == 200
    refused = server.get("/v1/info", headers={"Host": "other.example"})
    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    assert "security.allowed_hosts" in refused.detail
