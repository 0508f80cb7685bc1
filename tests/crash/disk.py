"""A disk that loses what was not synced when the server dies: the layer under the server, and power cuts."""

import os

import power_cut


class LossyDisk:
    def __init__(self, layer, takes_all=False):
        """`layer`: the built treadle_lossy_disk.so. `takes_all`: nothing unsynced ever survives."""
        self.layer, self.takes_all = layer, takes_all
        self.changes = self.lost = 0

    def prepare(self, data, undo):
        """The environment for a server on `data`. `undo` belongs to this disk and is on the same file system."""
        self.data, self.undo = os.path.realpath(data), undo
        os.makedirs(os.path.join(undo, "files"))
        return {"LD_PRELOAD": self.layer, "TREADLE_DISK_DIRECTORY": self.data, "TREADLE_DISK_UNDO": undo,
                "TREADLE_DISK_SYNC_MS": "8"}  # as slow as real disks, so that there is mostly something to lose

    def cut_power(self, rng):
        """Call after the server was killed."""
        takes_all = self.takes_all or rng.randrange(3) == 0
        if not os.path.exists(os.path.join(self.undo, "log")):
            return  # it died before its first change
        changes, lost = power_cut.cut(self.data, self.undo, rng.getrandbits(32), takes_all)
        self.changes += changes
        self.lost += lost

    def report(self):
        return {"unsynced_changes": self.changes, "changes_lost": self.lost}
