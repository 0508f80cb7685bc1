"""Who may talk to a server, and where it listens."""

import os
import signal
import stat

import pytest

from treadle import run

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"# for the tests\n{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7373", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_a_foreign_host_is_refused(shared_server, host):
    answer = shared_server.get("/v1/info", headers={"Host": host})
    assert (answer.status, answer.code) in ((403, "PERMISSION_DENIED"), (400, "INVALID_ARGUMENT"))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:7373"])
def test_the_names_of_this_machine_are_accepted(shared_server, host):
    assert shared_server.get("/v1/info", headers={"Host": host}).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost.evil.example", "file://"])
def test_a_foreign_origin_is_refused(shared_server, origin):
    answer = shared_server.post("/v1/tasks", {"type": "t"}, headers={"Origin": origin})
    assert (answer.status, answer.code) == (403, "PERMISSION_DENIED")


CHANGES = ["queues/default/pause", "tasks/1-1/cancel", "tasks/1-1/redrive", "tasks/1-1/run-now", "backups"]


@pytest.mark.parametrize("path", CHANGES)
def test_a_page_of_another_port_of_this_machine_changes_nothing(shared_server, path):
    for headers in ({"Origin": "http://localhost:3000"}, {"Origin": "http://127.0.0.1"},
                    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = shared_server.call("POST", f"/v1/{path}", headers=headers)
        assert (answer.status, answer.code) == (403, "PERMISSION_DENIED"), (headers, answer)
    for type in ("text/plain", "application/x-www-form-urlencoded"):
        assert shared_server.call("POST", f"/v1/{path}", headers={"Content-Type": type}).status == 415
    own = {"Origin": f"http://127.0.0.1:{shared_server.port}", "Sec-Fetch-Site": "same-origin"}
    assert shared_server.call("POST", f"/v1/{path}", headers=own).status in (200, 202, 404, 409)
    assert shared_server.call("POST", f"/v1/{path}").status in (200, 202, 404, 409)


def test_without_a_token_a_name_that_resolves_here_is_refused_and_the_setting_allows_it(start_server, tmp_path):
    flags = ("--allow-unauthenticated",)
    server = start_server(tmp_path / "a", *flags, listen="0.0.0.0:0")
    answer = server.get("/v1/info", headers={"Host": "evil.example"})
    assert answer.status == 403 and "security.allowed_hosts" in answer.detail
    for host in ("10.0.0.5:7373", "[fd00::1]", "localhost", "treadle"):
        assert server.get("/v1/info", headers={"Host": host}).status == 200
    server = start_server(tmp_path / "b", *flags, "--allowed-hosts", "queue.example", listen="0.0.0.0:0")
    proxied = {"Host": "queue.example", "Origin": "https://queue.example"}
    assert server.call("POST", "/v1/backups", headers=proxied).status == 202
    assert server.get("/v1/info").status == 200


def test_the_servers_own_origin_is_accepted(shared_server):
    answer = shared_server.get("/v1/info", headers={"Origin": f"http://localhost:{shared_server.port}"})
    assert answer.status == 200


def test_a_form_of_a_foreign_page_does_nothing(shared_server):
    """A simple request, which a browser sends without asking first, with a body that looks like JSON."""
    answer = shared_server.post("/v1/tasks", '{"type":"t"}', headers={"Content-Type": "text/plain"})
    assert answer.status == 415


def test_with_a_token_file_requests_need_the_token(start_server, data_dir, token_file):
    server = start_server(data_dir, "--token-file", str(token_file))
    answer = server.get("/v1/info")
    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    for header in ("Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer "):
        assert server.get("/v1/info", headers={"Authorization": header}).status == 401
    assert server.get("/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert server.get("/livez").status == server.get("/readyz").status == 200
    assert server.run("queue", "list", expect=9)
    assert server.run("queue", "list", "--token-file", str(token_file))
    assert TOKEN not in server.log


def test_a_token_file_that_others_can_read_causes_a_warning(start_server, data_dir, token_file):
    token_file.chmod(0o644)
    assert "chmod 600" in start_server(data_dir, "--token-file", str(token_file)).log


@pytest.mark.parametrize("text,says", [(None, "cannot be read"), ("", "contains no token"), ("short\n", "fewer than 16")])
def test_a_bad_token_file_is_refused(tmp_path, data_dir, text, says):
    path = tmp_path / "bad-token"
    if text is not None:
        path.write_text(text)
    result = run("server", "--data", str(data_dir), "--listen", "127.0.0.1:0", "--token-file", str(path), expect=None)
    assert result.returncode != 0 and says in result.stderr
    assert not data_dir.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_listening_to_others_needs_a_token_or_an_explicit_flag(data_dir, host):
    result = run("server", "--data", str(data_dir), "--listen", f"{host}:0", expect=None)
    assert result.returncode != 0
    assert "--token-file" in result.stderr and "--allow-unauthenticated" in result.stderr
    assert not data_dir.exists()


def test_listening_to_others_works_with_either(start_server, tmp_path, token_file):
    open_server = start_server(tmp_path / "a", "--allow-unauthenticated", listen="0.0.0.0:0")
    assert open_server.get("/v1/info").status == 200
    closed = start_server(tmp_path / "b", "--token-file", str(token_file), listen="0.0.0.0:0")
    assert closed.get("/v1/info").status == 401


def test_only_its_owner_can_access_the_data_directory(server):
    assert stat.S_IMODE(os.stat(server.data_dir).st_mode) == 0o700
    for path in server.data_dir.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_port_in_use_is_one_clear_error(server, tmp_path):
    result = run("server", "--data", str(tmp_path / "other"), "--listen", f"127.0.0.1:{server.port}", expect=None)
    assert result.returncode != 0 and str(server.port) in result.stderr


def dumps_core(server):
    """Whether a crash of the server leaves a core dump. Its files go to its working directory."""
    os.kill(server.process.pid, signal.SIGSEGV)
    return os.WCOREDUMP(os.waitpid(server.process.pid, 0)[1])


def test_a_server_that_has_a_token_leaves_no_core_dump(start_server, data_dir, token_file, tmp_path):
    unlimited = {"command": ("sh", "-c", f'cd {tmp_path} && ulimit -c unlimited && exec "$@"', "sh")}
    if not dumps_core(start_server(data_dir, **unlimited)):
        pytest.skip("nothing leaves a core dump here")
    assert not dumps_core(start_server(data_dir, "--token-file", str(token_file), **unlimited))
