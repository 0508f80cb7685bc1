"""Directories, pipes, devices and links in place of a file: rejected at once by name, and never written through."""

import os
import stat
import subprocess

import pytest

from treadle import BINARY, run

SECONDS = 20  # a command that waits for a pipe or reads a device would never end


@pytest.fixture(params=["directory", "pipe", "device", "too large"])
def odd(request, tmp_path):
    """A path, and what an error says about it."""
    path = tmp_path / "odd"
    if request.param == "directory":
        path.mkdir()
        return path, "is a directory, not a file"
    if request.param == "pipe":
        os.mkfifo(path)
        return path, "is a pipe, not a file"
    if request.param == "device":
        return "/dev/zero", "is a device, not a file"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    return path, "is larger than"


@pytest.mark.parametrize("words", [
    ("enqueue", "t", "--payload-file"),
    ("type", "contract", "set", "t", "1", "--input"),
    ("apply", "--file"),
    ("info", "--token-file"),
    ("server", "--data", "x", "--config"),
    ("server", "--data", "x", "--token-file"),
])
def test_a_command_refuses_anything_but_a_file(shared_server, odd, words, tmp_path):
    path, why = odd
    done = run(*words, str(path), expect=4, timeout=SECONDS, cwd=tmp_path, env={"TREADLE_SERVER": shared_server.url})
    assert str(path) in done.stderr and why in done.stderr, done


@pytest.mark.parametrize("words", [("verify",), ("restore", "--data", "new")])
def test_a_backup_that_is_not_a_file_is_refused(odd, words, tmp_path):
    path, why = odd
    done = run("backup", words[0], str(path), *words[1:], expect=None, timeout=SECONDS, cwd=tmp_path)
    assert done.returncode not in (0, -6) and str(path) in done.stderr, done
    assert why in done.stderr or why == "is larger than"


def test_standard_input_is_bounded(shared_server):
    with open("/dev/zero", "rb") as zeros:
        done = subprocess.run([BINARY, "enqueue", "t", "--raw", "--payload-file", "-"], stdin=zeros, capture_output=True, text=True,
                              timeout=SECONDS, env={**os.environ, "TREADLE_SERVER": shared_server.url}, check=False)
    assert done.returncode == 4 and "larger than" in done.stderr


def test_a_file_is_read_through_a_link(shared_server, tmp_path):
    (tmp_path / "payload").write_text('{"n": 1}')
    (tmp_path / "link").symlink_to(tmp_path / "payload")
    shared_server.run("enqueue", "t", "--payload-file", str(tmp_path / "link"))


@pytest.mark.parametrize("name", ["LOCK", "treadle.data.new", "ballast"])
def test_a_link_in_a_data_directory_is_never_written_through(tmp_path, name):
    victim, data = tmp_path / "victim", tmp_path / "data"
    victim.write_text("precious")
    data.mkdir()
    (data / name).symlink_to(victim)
    done = run("server", "--data", str(data), "--listen", "127.0.0.1:0", expect=None, timeout=SECONDS)
    assert done.returncode not in (0, -6) and victim.read_text() == "precious", done


def test_a_store_that_is_a_pipe_is_refused(server):
    server.stop()
    store = server.data_dir / "store.db"
    store.unlink()
    os.mkfifo(store)
    done = run("server", "--data", str(server.data_dir), "--listen", "127.0.0.1:0", expect=None, timeout=SECONDS)
    assert done.returncode not in (0, -6) and "is a pipe, not a file" in done.stderr, done


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/passwd/", "/etc/passwd/data"])
def test_a_file_as_the_data_directory_is_bad_input(path):
    done = run("server", "--data", path, "--listen", "127.0.0.1:0", expect=4)
    assert "/etc/passwd" in done.stderr and "irectory" in done.stderr


def test_a_world_writable_directory_causes_a_warning(start_server, data_dir):
    data_dir.mkdir()
    data_dir.chmod(0o777)
    server = start_server(data_dir)
    assert f"fix it with: chmod 700 {data_dir}" in server.log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_root_does_not_start_in_the_directory_of_another_user(data_dir):
    data_dir.mkdir()
    os.chown(data_dir, 1, 1)
    done = run("server", "--data", str(data_dir), "--listen", "127.0.0.1:0", expect=9)
    assert f"sudo -u daemon treadle server --data {data_dir}" in done.stderr
    assert list(data_dir.iterdir()) == [] and stat.S_ISDIR(data_dir.stat().st_mode)


@pytest.mark.parametrize("line", ["token = s3cr3t-s3cr3t-s3cr3t", 'token = "s3cr3t-s3cr3t-s3cr3t', "token = [s3cr3t-s3cr3t]", "token: s3cr3t-s3cr3t-s3cr3t"])
def test_a_secret_is_never_quoted(tmp_path, line):
    config = tmp_path / "treadle.toml"
    config.write_text(f"[security]\n{line}\n")
    config.chmod(0o600)
    done = run("server", "--config", str(config), "--data", str(tmp_path / "data"), expect=4)
    assert "treadle.toml:2" in done.stderr and "s3cr3t" not in done.stdout + done.stderr


def test_a_token_instead_of_its_file_is_not_quoted(tmp_path):
    done = run("info", "--token-file", "s3cr3t-s3cr3t-s3cr3t", expect=4)
    assert "looks like a token" in done.stderr and "s3cr3t" not in done.stderr
    done = run("info", "--server", "http://ada:s3cr3t@localhost:1", expect=4)
    assert "s3cr3t" not in done.stderr
