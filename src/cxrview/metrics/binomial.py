"""Errors among n independent tries -> what the true error can still be, exactly."""

from math import ceil, log, log1p

import numpy as np


def at_most(errors: int, tries: int, rate: float) -> float:
    """P(X <= errors) for X ~ Binomial(tries, rate); summed in logarithms, for n of any size."""
    if errors >= tries or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    i = np.arange(1, errors + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log((tries - i + 1) / i))])  # log C(n, 0 .. errors)
    i = np.arange(errors + 1)
    logs = ways + i * log(rate) + (tries - i) * log1p(-rate)
    top = logs.max()
    return float(min(1.0, np.exp(top) * np.exp(logs - top).sum()))


def upper_bound(errors: int, tries: int, delta: float) -> float:
    """The one-sided bound of Clopper and Pearson (1934), at confidence 1 - delta; 1 of none.

    With no error it is 1 - delta ** (1 / tries).
    """
    if errors >= tries:
        return 1.0
    low, high = errors / tries, 1.0
    for _ in range(60):  # halvings: to the last digit of a float
        middle = (low + high) / 2
        if at_most(errors, tries, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def carries(errors: int, tries: int, rate: float, delta: float) -> bool:
    """Whether so few errors show, at confidence 1 - delta, a true error of at most `rate`."""
    return at_most(errors, tries, rate) <= delta


def tries_needed(errors: int, rate: float, delta: float) -> int:
    """The fewest tries, with so many errors among them, that carry `rate`."""
    if not errors:
        return ceil(log(delta) / log1p(-rate))
    low, high = errors, 2 * errors
    while not carries(errors, high, rate, delta):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if carries(errors, middle, rate, delta) else (middle, high)
    return high
