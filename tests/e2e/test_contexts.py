"""Contexts: which server a command talks to."""

import stat

import pytest
from treadle import run

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def treadle(tmp_path):
    """Runs a command for a person with a separate home directory."""

    def call(*words, env=None, **options):
        return run(*words, env={"XDG_CONFIG_HOME": str(tmp_path / "config"), **(env or {})}, **options)

    return call


def test_the_most_specific_setting_chooses_the_server(treadle, start_server, tmp_path):
    one, two = (start_server(tmp_path / each) for each in ("one", "two"))
    treadle("context", "add", "one", "--server", one.url)
    treadle("context", "add", "two", "--server", two.url)

    def asked(*words, **env):
        return treadle("info", *words, env=env).stdout.split()[1]

    assert asked() == one.url
    treadle("context", "use", "two")
    assert asked() == two.url
    assert asked(TREADLE_CONTEXT="one") == one.url
    assert asked("--context", "two", TREADLE_CONTEXT="one") == two.url
    assert asked("--context", "two", TREADLE_SERVER=one.url) == one.url
    assert asked("--server", two.url, TREADLE_SERVER=one.url) == two.url
    treadle("context", "remove", "two")
    assert "two" not in treadle("context", "list").stdout


def test_a_context_keeps_the_path_of_a_token_and_sends_it_to_its_own_server_only(treadle, start_server, tmp_path):
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    server = start_server(tmp_path / "data", "--token-file", str(token))
    treadle("context", "add", "own", "--server", server.url, "--token-file", "token", cwd=tmp_path)
    kept = tmp_path / "config/treadle/contexts.toml"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert TOKEN not in kept.read_text()
    assert [each.name for each in kept.parent.iterdir()] == ["contexts.toml"]
    treadle("queue", "list")
    treadle("queue", "list", "--server", server.url, expect=9)


def test_mistakes_are_named(treadle, tmp_path):
    treadle("context", "add", "prod", "--server", "http://127.0.0.1:1")
    assert "already" in treadle("context", "add", "prod", "--server", "http://x", expect=4).stderr
    assert 'did you mean "prod"?' in treadle("info", "--context", "prd", expect=4).stderr
    assert "not a valid context name" in treadle("context", "add", "a b", "--server", "http://x", expect=4).stderr
    assert "--server URL" in treadle("context", "add", "other", expect=4, env={"TREADLE_SERVER": ""}).stderr
    kept = tmp_path / "config/treadle/contexts.toml"
    kept.write_text("[contexts.prod]\nsevrer = 'x'\n")
    assert "contexts.toml:2:" in treadle("info", expect=4).stderr
    treadle("version")
