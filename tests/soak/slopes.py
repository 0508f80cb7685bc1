"""Whether a number that was sampled over time stays flat. Pure.

The first third of the samples is warm-up: caches, tables and files grow to their size there. Over the rest, the slope is that of
Theil and Sen, the median of the slopes of all pairs of samples: it does not follow single samples that are far off, as a
least-squares line does. Flat means that along this slope the number grew, from the end of the warm-up to the end, by no more
than its bound: a share of its median or a fixed amount, whichever is more. One that falls is flat.
"""

from dataclasses import dataclass
from statistics import median

WARM_UP = 1 / 3
SAMPLES_MIN = 30  # fewer say nothing
PAIRED_MAX = 600  # samples that are paired; of more, every n-th


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
    """Of (time, value) points: per unit of time."""
    points = points[::-(-len(points) // PAIRED_MAX)]
    slopes = [(v2 - v1) / (t2 - t1) for i, (t1, v1) in enumerate(points) for t2, v2 in points[i + 1:] if t2 > t1]
    return median(slopes) if slopes else 0.0


def judge(name, points, bound):
    """Of (seconds, value) points in order of time; None if they are too few to say."""
    rest = points[int(len(points) * WARM_UP):]
    if len(rest) < SAMPLES_MIN:
        return None
    per_second, values = slope(rest), [value for _, value in rest]
    growth = per_second * (rest[-1][0] - rest[0][0])
    allowed = max(bound.share * median(values), bound.amount)
    tenth = max(1, len(values) // 10)
    return Verdict(name, median(values[:tenth]), median(values[-tenth:]), per_second * 3600, growth, allowed,
                   growth <= allowed)
