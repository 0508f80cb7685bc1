"""The arithmetic of the comparison: percentiles, medians over rounds, what each figure is called and measured in."""

import math
import statistics

HELD = 0.95  # a rate counts as held from this share of it on

# What a result has of each contestant: key, unit, what it is.
FIGURES = {
    "batched_per_s": ("tasks/s", "enqueue, 32 callers with batches of 100"),
    "single_per_s": ("tasks/s", "enqueue, 32 in flight, one task a call"),
    "drain_per_s": ("tasks/s", "drain, each task acknowledged"),
    "unpipelined_per_s": ("tasks/s", "drain, one call at a time"),
    "latency_p50_ms": ("ms", "enqueue to start, half are faster"),
    "latency_p99_ms": ("ms", "enqueue to start, 99 % are faster"),
    "latency_per_s": ("tasks/s", "rate that was held while latency was measured"),
    "bytes_per_task": ("bytes", "memory of the server for each queued task"),
}


def percentile(values, percent):
    """The smallest of the values that at least `percent` % of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def medians(rounds):
    """{key: median} over the rounds that have the key; `rounds` is a list of {key: figure}."""
    keys = [key for key in FIGURES if any(key in each for each in rounds)]
    return {key: statistics.median(each[key] for each in rounds if key in each) for key in keys}


def held(figures, rate):
    """Whether the rate asked for while latency was measured was kept up."""
    return figures["latency_per_s"] >= rate * HELD
