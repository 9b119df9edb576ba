"""Paired timings in alternating order."""

import gc
import statistics
import time

SHORTEST = 0.02  # seconds that a timing lasts at least, by repeating the call


def seconds(way, calls=1):
    """Time a call, without garbage collection and without freeing the last result.

    Parameters
    ----------
    way : callable
        What is timed.
    calls : int, default=1
        How often it is called.

    Returns
    -------
    float
        Seconds a call.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(calls):
            result = way()
        spent = time.perf_counter() - start
    finally:
        gc.enable()
    del result
    return spent / calls


def alternate(ways, rounds):
    """Time several ways in rounds A B C, C B A, A B C and so on.

    Parameters
    ----------
    ways : dict of str to callable
        Each is called once beforehand, outside the timings.
    rounds : dict of str to int
        In how many of the rounds, from the first, each is timed.

    Returns
    -------
    dict of str to list of float
        Seconds a call, of each way by round.
    """
    calls = {way: 1 + int(SHORTEST / seconds(ways[way])) for way in rounds}
    spent = {way: [] for way in rounds}
    for turn in range(max(rounds.values())):
        for way in list(rounds)[:: 1 if turn % 2 == 0 else -1]:
            if turn < rounds[way]:
                spent[way].append(seconds(ways[way], calls[way]))
    return spent


def paired(numerator, denominator):
    """Give the median ratio of timings of the same round.

    Parameters
    ----------
    numerator, denominator : list of float
        Timings by round; the shorter list says how many rounds count.

    Returns
    -------
    float
        Median ratio.
    """
    pairs = zip(numerator, denominator, strict=False)
    return statistics.median(above / below for above, below in pairs)


def peer_rounds(run, rounds, budget):
    """Decide how many rounds imbalanced-learn gets.

    Parameters
    ----------
    run : callable
        Its way; it is called once.
    rounds : int
        Rounds of the others.
    budget : float
        Seconds that it may take in all; at least 3 rounds must fit, if so many are run.

    Returns
    -------
    rounds : int
        0 if it is left out.
    note : str
        Why.
    """
    try:
        once = seconds(run)
    except (TypeError, ValueError, AttributeError) as error:
        return 0, f"imbalanced-learn refuses: {type(error).__name__}"
    affordable = min(rounds, int(budget / once))
    if affordable < min(3, rounds):
        return 0, f"imbalanced-learn left out: one call took {once:.1f} s"
    return affordable, ""
