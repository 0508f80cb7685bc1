"""What is shipped: which libraries the program needs, and that unit, maintainer scripts and container agree with the tree."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TREADLE") or ROOT / "build/release/treadle")

# Why each is not linked statically stands in docs/operations.md.
LIBRARIES = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
             "libcrypto.so.3", "libssl.so.3", "libfmt.so.9", "libsimdjson.so.14", "libprometheus-cpp-core.so.1.0"}


def test_the_program_needs_no_library_beyond_the_list():
    dynamic = subprocess.run(["readelf", "-d", BINARY], text=True, capture_output=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    assert "libc.so.6" in needed
    assert needed <= LIBRARIES


def readelf(*flags):
    return subprocess.run(["readelf", "-W", *flags, BINARY], text=True, capture_output=True, check=True).stdout


def test_the_program_is_hardened():
    assert re.search(r"Type:\s+DYN", readelf("-h"))  # no fixed addresses
    segments = readelf("-l")
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK.*\bRW\b(?!E)", segments)
    assert re.search(r"FLAGS.*\bNOW\b", readelf("-d"))  # full RELRO: nothing is bound later
    assert "__stack_chk_fail" in readelf("--dyn-syms")


def test_every_file_of_the_program_is_compiled_with_checked_buffers_and_stacks():
    commands = json.loads((BINARY.parent / "compile_commands.json").read_text())
    ours = [each["command"] for each in commands if each["file"].startswith(str(ROOT / "src"))]
    assert len(ours) > 100
    for command in ours:
        assert "-D_FORTIFY_SOURCE=2" in command and "-fstack-protector-strong" in command


def unit():
    """The settings of the unit, by name; the last of a name wins."""
    lines = (ROOT / "deploy/systemd/treadle.service").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_unit_starts_a_command_that_exists_and_runs_as_the_packages_user():
    settings = unit()
    words = settings["ExecStart"].split()
    assert words[0] == "/usr/bin/treadle"
    flags = [word for word in words[2:] if word.startswith("--")]
    text = subprocess.run([BINARY, words[1], "--help"], text=True, capture_output=True, check=True).stdout
    assert all(flag in text for flag in flags)
    assert settings["Type"] == "notify"
    assert f"--group --home /var/lib/{settings['StateDirectory']}" in (ROOT / "deploy/debian/postinst").read_text()
    assert re.search(rf"adduser .* {settings['User']}\n", (ROOT / "deploy/debian/postinst").read_text())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path):
    copy = tmp_path / "treadle.service"
    text = (ROOT / "deploy/systemd/treadle.service").read_text()
    copy.write_text(text.replace("/usr/bin/treadle", str(BINARY.resolve())).replace("Documentation=man:treadle(1)\n", ""))
    done = subprocess.run(["systemd-analyze", "verify", copy], text=True, capture_output=True, timeout=60, check=False)
    complaints = [line for line in done.stderr.splitlines() if "treadle.service" in line]
    assert not complaints


def test_the_shipped_settings_are_the_programs_own_defaults_but_for_the_data_directory():
    printed = subprocess.run([BINARY, "config", "init"], text=True, capture_output=True, check=True).stdout
    shipped = ROOT / "deploy/debian/treadle.toml"
    here, there = '# data = "./treadle-data"', 'data = "/var/lib/treadle"'
    assert here in printed
    assert shipped.read_text() == printed.replace(here, there), \
        f"refresh it: treadle config init | sed 's|{here}|{there}|' > {shipped.relative_to(ROOT)}"


def config(key, **env):
    words = [BINARY, "config", "show", "-o", "json", "--config", str(ROOT / "deploy/debian/treadle.toml")]
    if env:
        words = words[:-2]
    settings = json.loads(subprocess.run(words, text=True, capture_output=True, check=True,
                                         env={**os.environ, **env}).stdout)["settings"]
    return next(each["value"] for each in settings if each["key"] == key)


def test_the_shipped_data_directory_is_the_one_in_force():
    """Of the file; and of the unit, for an older file that says nothing of it."""
    assert unit()["ExecStart"] == "/usr/bin/treadle server", "a flag would win over the file"
    assert unit()["StateDirectory"] == "treadle"
    assert config("server.data") == "/var/lib/treadle"
    if not Path("/etc/treadle/treadle.toml").exists():
        assert config("server.data", STATE_DIRECTORY="/var/lib/treadle") == "/var/lib/treadle"


def test_maintainer_scripts_are_shell_and_end_at_the_first_error():
    for name in ("postinst", "prerm", "postrm"):
        script = ROOT / "deploy/debian" / name
        subprocess.run(["sh", "-n", script], check=True)
        assert "\nset -e\n" in script.read_text()
        assert os.access(script, os.X_OK), f"{name} must be executable"


def test_the_container_copies_only_what_exists_and_is_nobody_special():
    text = (ROOT / "deploy/Dockerfile").read_text()
    copies = [words.split() for words in re.findall(r"^COPY (.*)$", text, re.MULTILINE)]
    assert copies
    for words in copies:
        if not words[0].startswith("--from="):
            assert all((ROOT / source).exists() for source in words[:-1]), words
    final = text[text.rindex("\nFROM "):]
    assert re.search(r"^USER treadle$", final, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["', final, re.MULTILINE), "a shell in between would swallow SIGTERM"
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)


def test_the_compose_file_starts_commands_that_exist():
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert set(services) == {"treadle", "worker"}
    for service in services.values():
        assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        words = [word for word in service["command"][:service["command"].index("--")] if not word.startswith("-")] \
            if "--" in service["command"] else service["command"][:1]
        done = subprocess.run([BINARY, *words[:2], "--help"], capture_output=True, check=False)
        assert done.returncode == 0, words
