"""The power fails: what the disk layer noted and nothing synced is taken back, all of it or a part.

Works as the simulated disk does (sim/sim_disk.h): of a file any of the unsynced changes may survive, whatever came
before or after them, and a write may be torn at a 512-byte sector; of the names of files a prefix of the unsynced
changes survives, as with a file system that journals them. What a failed sync left, no later sync makes durable.
disk/undo_log.h has the format of what is read here.
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
        """Bytes whose content it changed."""
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
    """What is not durable: changes by inode, and changes of names, each in their order."""

    def __init__(self, path):
        self.changes, self.names = defaultdict(list), []
        with open(path, "rb") as file:
            while self._read_one(file):
                pass

    def _read_one(self, file):
        """False at the end, which a record may lack that was cut short with its process: it was followed by nothing."""
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
    """Leaves below `directory` what survives, and nothing in `undo`. How many changes there were, and were lost."""
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
        if os.path.exists(paths[0]):  # the process may have died before it did what it had noted
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
    """How many were lost, or torn."""
    lost, kept_until = 0, []  # of each change the sector before which it survives, or None for all of it
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
    """The sectors that are not as they stand in the file: each as before the first lost change after the last that
    survives."""
    back, settled = {}, set()
    for change, until in reversed(list(zip(changes, kept_until))):
        for sector in change.sectors():
            if sector in settled:
                continue
            if survives(until, sector) or any(sector in sectors for sectors in change.durable_over):
                settled.add(sector)  # what follows was undone already
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
