"""What counts as flat."""

import random

import pytest

from slopes import SAMPLES_MIN, Bound, judge, slope

BOUND = Bound(share=0.05, amount=0)


def sampled(value, seconds=1800, every=5):
    return [(t, value(t)) for t in range(0, seconds, every)]


@pytest.fixture
def rng():
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


def test_the_slope_of_a_line_is_its_slope():
    assert slope([(t, 3 * t + 7) for t in range(100)]) == pytest.approx(3)


def test_outliers_do_not_change_the_slope(rng):
    points = [(t, 100 if t in (50, 51, 97) else t) for t in range(100)]
    assert slope(points) == pytest.approx(1, abs=0.05)


def test_noise_around_a_level_is_flat(rng):
    verdict = judge("x", sampled(lambda t: 100 + rng.gauss(0, 10)), BOUND)
    assert verdict.flat


def test_a_slow_leak_under_noise_is_not_flat(rng):
    verdict = judge("x", sampled(lambda t: 100 + t / 100 + rng.gauss(0, 3)), BOUND)
    assert not verdict.flat
    assert verdict.slope_per_hour == pytest.approx(36, rel=0.3)


def test_growth_during_the_warm_up_is_flat():
    assert judge("x", sampled(lambda t: min(t, 500)), BOUND).flat


def test_a_leak_that_begins_after_the_warm_up_is_not_flat():
    assert not judge("x", sampled(lambda t: 100 + max(0, t - 900) / 30), BOUND).flat


def test_a_saw_whose_teeth_stay_equal_is_flat():
    assert judge("x", sampled(lambda t: 100 + t % 60), BOUND).flat


def test_a_saw_whose_teeth_grow_is_not_flat():
    assert not judge("x", sampled(lambda t: 100 + (t % 60) + t / 50), BOUND).flat


def test_a_falling_number_is_flat():
    assert judge("x", sampled(lambda t: 2000 - t), BOUND).flat


def test_the_larger_of_share_and_amount_applies():
    points = sampled(lambda t: t / 1800)
    assert not judge("x", points, Bound(share=0.05, amount=0.1)).flat
    assert judge("x", points, Bound(share=0.05, amount=1)).flat


def test_too_few_samples_are_not_judged():
    assert judge("x", sampled(lambda t: t, seconds=SAMPLES_MIN, every=1), BOUND) is None
