"""What the figures were measured on: processor, memory, system, and how long the disk takes for a sync."""

import os
import platform
import subprocess
import time
from pathlib import Path

from figures import percentile

BLOCK_BYTES, SYNCS = 4096, 300


def sync_ms(directory, again):
    """Milliseconds, p50, of writing 4 KiB and fdatasync: appended to a file, or `again` into blocks written before."""
    path, block, times = Path(directory) / "peers-sync", os.urandom(BLOCK_BYTES), []
    file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        if again:
            os.pwrite(file, block * SYNCS, 0)
            os.fsync(file)
        for number in range(SYNCS):
            begun = time.perf_counter()
            os.pwrite(file, block, number * BLOCK_BYTES)
            os.fdatasync(file)
            times.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(file)
        path.unlink()
    return percentile(times, 50)


def processor():
    """The processor's name for itself."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def file_system(directory):
    """Such as ext4."""
    command = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def describe(directory):
    """All of it, measured on the disk of `directory`."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    names = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{names['PRETTY_NAME'].strip(chr(34))}, Linux {platform.release()}",
        "file_system": file_system(directory),
        "append_sync_p50_ms": round(sync_ms(directory, again=False), 3),
        "overwrite_sync_p50_ms": round(sync_ms(directory, again=True), 3),
    }
