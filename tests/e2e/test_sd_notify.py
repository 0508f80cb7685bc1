"""Under a service manager the real server reports that it is ready, that it is alive, and that it stops."""
import os
import signal
import socket
import subprocess

import pytest

from treadle import BINARY


def after_its_start(manager):
    """The first message that does not ask for more time. A slow machine needs some to start."""
    while (message := manager.recv(256)).startswith(b"EXTEND_TIMEOUT_USEC="):
        pass
    return message


@pytest.mark.parametrize("abstract", [False, True])
def test_a_manager_receives_ready_then_watchdog_then_stopping(tmp_path, abstract):
    name = f"@treadle-e2e-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(20)
        server = subprocess.Popen(
            [BINARY, "server", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
            env={**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "100000"})
        try:
            assert after_its_start(manager) == b"READY=1"
            assert [manager.recv(256) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            server.send_signal(signal.SIGTERM)
            message = manager.recv(256)
            while message == b"WATCHDOG=1":  # sent before the signal arrived
                message = manager.recv(256)
            assert message == b"STOPPING=1"
            assert server.wait(20) == 0
        finally:
            server.kill()
            server.wait()


def test_a_watchdog_meant_for_another_process_is_not_fed(tmp_path):
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(20)
        server = subprocess.Popen(
            [BINARY, "server", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
            env={**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
        try:
            assert after_its_start(manager) == b"READY=1"
            manager.settimeout(0.5)
            with pytest.raises(TimeoutError):  # WATCHDOG_PID is another process
                manager.recv(256)
        finally:
            server.kill()
            server.wait()
