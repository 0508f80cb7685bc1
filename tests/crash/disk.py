"""A disk that loses what was not synced when the server dies: the layer under the server, and the power cuts."""

import os

import power_cut


class LossyDisk:
    def __init__(self, layer, takes_all=False):
        """`layer`: treadle_lossy_disk.so, as built. `takes_all`: nothing that was not synced ever survives."""
        self.layer, self.takes_all = layer, takes_all
        self.changes = self.lost = 0

    def prepare(self, data, undo):
        """The environment of a server on `data`. `undo` is this disk's own, on the same file system."""
        self.data, self.undo = os.path.realpath(data), undo
        os.makedirs(os.path.join(undo, "files"))
        return {"LD_PRELOAD": self.layer, "TREADLE_DISK_DIRECTORY": self.data, "TREADLE_DISK_UNDO": undo,
                "TREADLE_DISK_SYNC_MS": "8"}  # as disks have it: there is something to lose at most moments

    def cut_power(self, rng):
        """After the server was killed."""
        takes_all = self.takes_all or rng.randrange(3) == 0
        if not os.path.exists(os.path.join(self.undo, "log")):
            return  # it died before it began
        changes, lost = power_cut.cut(self.data, self.undo, rng.getrandbits(32), takes_all)
        self.changes += changes
        self.lost += lost

    def report(self):
        return {"unsynced_changes": self.changes, "changes_lost": self.lost}
