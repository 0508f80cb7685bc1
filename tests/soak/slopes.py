"""Decides whether a number sampled over time stays flat. Pure.

The first third of the samples is warm-up, in which caches, tables and files grow to their size. Over the rest, the
slope is the Theil-Sen estimate: the median of the slopes of all pairs of samples. Unlike a least-squares line, it
does not follow single outliers. Flat means that along this slope, from the end of the warm-up to the end, the number
grew by at most its bound: a share of its median or a fixed amount, whichever is larger. A falling number is flat.
"""

from dataclasses import dataclass
from statistics import median

WARM_UP = 1 / 3
SAMPLES_MIN = 30  # fewer prove nothing
PAIRED_MAX = 600  # samples that are paired; above that, every n-th


@dataclass
class Bound:
    share: float  # of the median
    amount: float  # in the number's own unit


@dataclass
class Verdict:
    name: str
    begin: float  # medians of the first and the last tenth after the warm-up
    end: float
    slope_per_hour: float
    growth: float  # along the slope
    allowed: float
    flat: bool


def slope(points):
    """The slope of (time, value) points, per unit of time."""
    points = points[::-(-len(points) // PAIRED_MAX)]
    slopes = [(v2 - v1) / (t2 - t1) for i, (t1, v1) in enumerate(points) for t2, v2 in points[i + 1:] if t2 > t1]
    return median(slopes) if slopes else 0.0


def judge(name, points, bound):
    """Judges (seconds, value) points in order of time. None if there are too few."""
    rest = points[int(len(points) * WARM_UP):]
    if len(rest) < SAMPLES_MIN:
        return None
    per_second, values = slope(rest), [value for _, value in rest]
    growth = per_second * (rest[-1][0] - rest[0][0])
    allowed = max(bound.share * median(values), bound.amount)
    tenth = max(1, len(values) // 10)
    return Verdict(name, median(values[:tenth]), median(values[-tenth:]), per_second * 3600, growth, allowed,
                   growth <= allowed)
