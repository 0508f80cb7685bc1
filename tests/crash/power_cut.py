"""Cuts the power: undoes all or part of what the disk layer recorded and no sync made durable.

Works like the simulated disk (sim/sim_disk.h). Any subset of a file's unsynced changes may survive, and a write may
be torn at a 512-byte sector. Of unsynced changes of file names a prefix survives, as on a journaling file system. No
later sync makes durable what a failed sync left behind. disk/undo_log.h defines the format of the log.
"""

import os
import random
import shutil
import struct
from collections import defaultdict

RECORD = struct.Struct("<4sc3xQQQQQQQII")
SECTOR = 512


class Change:
    """A write or a truncation that may be lost."""

    def __init__(self, kind, number, offset, size, old_size, old_offset, old):
        self.kind, self.number, self.offset, self.size, self.old_size = kind, number, offset, size, old_size
        self.old_offset, self.old = old_offset, old
        self.sync_failed, self.durable_over = False, []  # sectors of later writes that are durable
        self.size_is_durable = 0

    def range(self):
        """The bytes that it changed."""
        if self.kind == "w":
            return self.offset, self.offset + self.size
        return self.size, max(self.size, self.old_size)

    def sectors(self):
        begin, end = self.range()
        return range(begin // SECTOR, -(-end // SECTOR))

    def old_sector(self, sector):
        at = sector * SECTOR - self.old_offset
        return self.old[at:at + SECTOR].ljust(SECTOR, b"\0") if at >= 0 else b"\0" * SECTOR


class Log:
    """What is not durable: changes by inode, and changes of names, both in order."""

    def __init__(self, path):
        self.changes, self.names = defaultdict(list), []
        with open(path, "rb") as file:
            while self._read_one(file):
                pass

    def _read_one(self, file):
        """False at the end of the log. The last record may be cut short if the process died; its operation was not
        done."""
        head = file.read(RECORD.size)
        if len(head) < RECORD.size:
            return False
        magic, kind, number, inode, replaced, offset, size, old_size, old_offset, old, name = RECORD.unpack(head)
        assert magic == b"UNDO", "the undo log is damaged"
        old_bytes, names = file.read(old), file.read(name)
        if len(old_bytes) < old or len(names) < name:
            return False
        kind = kind.decode()
        if kind in "wt":
            self.changes[inode].append(Change(kind, number, offset, size, old_size, old_offset, old_bytes))
        elif kind in "sp":
            self._sync(inode, number, failed=kind == "p")
        elif kind == "d":
            directory = names.decode()
            self.names = [change for change in self.names
                          if change[0] >= number or os.path.dirname(change[4][0]) != directory]
        else:
            self.names.append((number, kind, inode, replaced, names.decode().split("\0")))
        return True

    def _sync(self, inode, number, failed):
        covered = [change for change in self.changes[inode] if change.number < number]
        if failed:
            for change in covered:
                change.sync_failed = True
            return
        durable = [change for change in covered if not change.sync_failed]
        kept = [change for change in self.changes[inode] if change.number >= number or change.sync_failed]
        for change in kept:
            later = [other for other in durable if other.number > change.number]
            change.durable_over += [other.sectors() for other in later]
            change.size_is_durable = max([change.size_is_durable, *(other.range()[1] for other in later)])
        self.changes[inode] = kept


def cut(directory, undo, seed, takes_all=False):
    """Leaves what survives below `directory`, and nothing in `undo`. Returns the number of changes and of lost ones."""
    rng, log = random.Random(seed), Log(os.path.join(undo, "log"))
    files = os.path.join(undo, "files")
    keep = 0 if takes_all else rng.randrange(len(log.names) + 1)
    for change in reversed(log.names[keep:]):
        undo_name(directory, files, *change[1:])
    total, lost = len(log.names), len(log.names) - keep
    for inode, changes in log.changes.items():
        path = os.path.join(files, str(inode))
        total += len(changes)
        lost += undo_changes(path, changes, rng, takes_all) if changes else 0
    shutil.rmtree(undo)
    os.makedirs(files)
    return total, lost


def undo_name(directory, files, kind, inode, replaced, names):
    paths = [os.path.join(directory, name) for name in names]
    if kind == "c":
        if os.path.exists(paths[0]):  # the process may have died between the record and the operation
            os.unlink(paths[0])
    elif kind == "u":
        give_name(files, inode, paths[0])
    elif kind == "r":
        if not os.path.exists(paths[0]):
            os.rename(paths[1], paths[0])
            if replaced:
                give_name(files, replaced, paths[1])


def give_name(files, inode, path):
    if not os.path.exists(path):
        os.link(os.path.join(files, str(inode)), path)


def undo_changes(path, changes, rng, takes_all):
    """Returns how many were lost or torn."""
    lost, kept_until = 0, []  # for each change, the sector before which it survives, or None for all of it
    for change in changes:
        draw = 0 if takes_all else rng.randrange(5)
        sectors = change.sectors()
        torn = draw == 2 and change.kind == "w" and len(sectors) > 1
        end = None if draw >= 3 or (draw == 2 and not torn) else sectors.start
        kept_until.append(rng.randrange(sectors.start + 1, sectors.stop) if torn else end)
        lost += kept_until[-1] is not None
    write_back(path, sectors_after(changes, kept_until), size_after(changes, kept_until))
    return lost


def survives(until, sector):
    return until is None or sector < until


def sectors_after(changes, kept_until):
    """The sectors to write back to the file. Each gets its contents from before the first lost change that follows
    the last surviving one."""
    back, settled = {}, set()
    for change, until in reversed(list(zip(changes, kept_until))):
        for sector in change.sectors():
            if sector in settled:
                continue
            if survives(until, sector) or any(sector in sectors for sectors in change.durable_over):
                settled.add(sector)  # everything after it is already undone
            else:
                back[sector] = change.old_sector(sector)
    return back


def size_after(changes, kept_until):
    size = max([changes[0].old_size, *(change.size_is_durable for change in changes)])
    for change, until in zip(changes, kept_until):
        if change.kind == "w" and until != change.sectors().start:
            size = max(size, min(change.offset + change.size, (until or 1 << 60) * SECTOR))
        elif change.kind == "t" and until is None:
            size = change.size
    return size


def write_back(path, sectors, size):
    with open(path, "r+b") as file:
        for sector, data in sorted(sectors.items()):
            if sector * SECTOR < size:
                file.seek(sector * SECTOR)
                file.write(data)
        file.truncate(size)
