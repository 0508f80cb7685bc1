"""Server configuration: file, variables, flags, and a reload at run time."""

import json
import signal

import pytest
from treadle import run, until

OLD, NEW = "0123456789abcdef-old", "0123456789abcdef-new"


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file: config("[server]…")."""
    path = tmp_path / "treadle.toml"

    def write(text):
        path.write_text(text)
        return str(path)

    return write


def as_holder(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def test_init_prints_a_valid_configuration_file(tmp_path):
    path = tmp_path / "treadle.toml"
    path.write_text(run("config", "init").stdout)
    shown = json.loads(run("config", "show", "--config", str(path), "-o", "json").stdout)
    assert {each["origin"] for each in shown["settings"]} == {"default"}


def test_a_server_runs_with_its_file_and_its_variables(start_server, data_dir, config):
    path = config('[security]\nallowed_hosts = ["queue.example"]\n')
    server = start_server(data_dir, "--config", path,
                          command=["env", "TREADLE_STORAGE__DURABILITY=interval"])
    assert server.get("/v1/info", headers={"Host": "queue.example"}).status == 200
    assert server.get("/v1/info", headers={"Host": "other.example"}).status == 403
    assert server.get("/v1/info").json["durability"] == "interval"


def test_hangup_reloads_what_it_can_and_names_what_it_cannot(start_server, data_dir, config, tmp_path):
    token = tmp_path / "token"
    token.write_text(OLD)
    token.chmod(0o600)
    path = config(f'[security]\ntoken_file = "{token}"\n')
    server = start_server(data_dir, "--config", path)
    assert server.get("/v1/info", **as_holder(OLD)).status == 200

    token.write_text(NEW)
    config(f'[security]\ntoken_file = "{token}"\nallowed_hosts = ["queue.example"]\n'
           '[storage]\nbacklog_max = "1GiB"\n')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded the configuration" in server.log)
    assert server.get("/v1/info", **as_holder(OLD)).status == 401
    assert server.get("/v1/info", **as_holder(NEW)).status == 200
    answer = server.get("/livez", headers={"Host": "queue.example"})
    assert answer.status == 200
    assert "reloaded: security.allowed_hosts" in server.log
    assert "needs a restart: storage.backlog_max" in server.log
    assert NEW not in server.log


def test_a_reload_of_a_wrong_file_changes_nothing(start_server, data_dir, config):
    server = start_server(data_dir, "--config", config('[security]\nallowed_hosts = ["queue.example"]\n'))
    config('[security]\nalowed_hosts = []\n')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "not reloaded" in server.log)
    assert 'did you mean "security.allowed_hosts"?' in server.log
    assert server.get("/v1/info", headers={"Host": "queue.example"}).status == 200
    config('[security]\ntoken_file = "/nowhere/token"\n')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "/nowhere/token cannot be read" in server.log)
    assert server.get("/v1/info", headers={"Host": "queue.example"}).status == 200
