"""One plan for data that is never in memory at once.

The labels are looked at part by part; what the parts tell is merged, and the plan that
comes of it is the one that the resampler would have made of the whole.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol

import numpy as np

from skstrat._columns import sorted_classes
from skstrat._errors import AbsentClassWarning
from skstrat._hash import mix_seed
from skstrat._labels import Labels
from skstrat._partition import Partition
from skstrat._plan import Plan
from skstrat._seed import seed_of
from skstrat._strategy import Targets
from skstrat._tally import NOTHING, ClassTally, Shares, Tally
from skstrat._weights import Floats

Counts = Literal["exact", "expected"]


class DecidesByLabels(Protocol):
    """A resampler, as far as it decides from labels alone."""

    def _check_needs_labels_alone(self) -> None: ...

    def _draw_shares(self) -> Shares | None: ...

    def _targets(self, labels: Labels, y: Any) -> Targets: ...

    def _class_weights(
        self, labels: Labels, targets: Targets, mass: Floats, drawn: Floats
    ) -> Floats: ...


def plan_partitions(
    resampler: Any, partitions: Iterable[Partition], *, counts: Counts = "exact"
) -> Plan:
    r"""Make the plan of a resampler for data in partitions, from the labels alone.

    The rows are those that ``resampler.fit_resample`` keeps of the whole data. For an
    exact number of rows the hashes within
    :math:`s \pm (8 \sqrt{s (1 - s) / n} + 32 / n)` of the share *s* of each class are
    kept while the labels pass by, and the threshold is found among them (bottom-k
    sampling; Cohen and Kaplan, 2007).

    Parameters
    ----------
    resampler : resampler
        One of this package's that picks rows by their labels. It is not changed; its
        ``random_state`` gives the seed.
    partitions : iterable of Partition
        The parts of the data, in their order. It is iterated once if the resampler
        has a ``factor`` (or moves no row), else twice: once to count the classes.
    counts : {"exact", "expected"}, default="exact"
        Exactly the rows that the resampler would draw of each class; or every row
        whose hash is below the share, so that the number is binomial, rows added
        later change no decision about earlier ones, and keys may repeat.

    Returns
    -------
    Plan
        ``Partition.draw`` finds its rows and weights in each partition.

    Raises
    ------
    TypeError
        If the resampler is not one that picks rows by their labels.
    ValueError
        If there is no row or only one class, a label is missing, a sampling strategy
        is a callable, keys repeat where an exact number is wanted, or an iterator
        that can be used once is needed twice.

    See Also
    --------
    Partition.draw : Rows and weights of one partition.
    Plan.to_sql : The same in a database.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import DownsampleUpweight, Partition, plan_partitions
    >>> y = np.repeat([0, 1], [1000, 10])
    >>> parts = [Partition(y[:300]), Partition(y[300:])]
    >>> plan = plan_partitions(DownsampleUpweight(factor=20, random_state=0), parts)
    >>> plan.rows, plan.class_weight
    ((50, 10), (20.0, 1.0))
    >>> _, first = parts[0].draw(plan)
    >>> _, second = parts[1].draw(plan, offset=300)
    >>> float(first.sum() + second.sum())
    1010.0
    """
    seed = check_decides_by_labels(resampler, counts)
    shares = resampler._draw_shares()
    if shares is None and isinstance(partitions, Iterator):
        raise ValueError(
            f"partitions must be a list, or another iterable that can be iterated "
            f"twice, for {type(resampler).__name__} without a factor, which counts "
            f"the classes first; got {type(partitions).__name__}."
        )
    if shares is not None:
        return decide(resampler, tally_all(partitions, shares, seed), seed, counts)
    first = NOTHING
    for partition in partitions:
        first = first.merge(partition.count())
    shares = shares_wanted(resampler, first)
    tally = tally_all(partitions, shares, seed, rows_by_label(first))
    check_unchanged(first, tally)
    return decide(resampler, tally, seed, counts)


def check_decides_by_labels(resampler: Any, counts: Counts) -> int:
    """Refuse resamplers that need more than labels, and give the seed of the others.

    Parameters
    ----------
    resampler : object
        What the user gave.
    counts : {"exact", "expected"}
        What the user gave.

    Returns
    -------
    int
        The seed of the draw.

    Raises
    ------
    TypeError
        If the resampler is not one that picks rows by their labels.
    ValueError
        If its parameters are impossible, or ``counts`` is.
    """
    if not hasattr(resampler, "_draw_shares"):
        raise TypeError(
            "resampler must be one of skstrat's that picks rows by their labels, as "
            "DownsampleUpweight, RandomOversample, CombinedResample and ClassWeight "
            f"do; got {resampler!r}."
        )
    if counts not in ("exact", "expected"):
        raise ValueError(f'counts must be "exact" or "expected"; got {counts!r}.')
    resampler._validate_params()
    resampler._check_needs_labels_alone()
    return seed_of(getattr(resampler, "random_state", None))


def tally_all(
    partitions: Iterable[Partition],
    shares: Shares,
    seed: int,
    rows: Mapping[Any, int] | None = None,
) -> Tally:
    """Look at the labels of all partitions, in order.

    Parameters
    ----------
    partitions : iterable of Partition
        The parts of the data.
    shares : float or mapping of label to float
        Share to draw of every class, or of those named.
    seed : int
        The user's seed.
    rows : mapping of label to int, default=None
        Rows of each class, if they are known.

    Returns
    -------
    Tally
        What is known of all.
    """
    tally, hash_seed = NOTHING, mix_seed(seed)
    for partition in partitions:
        known = rows_by_label(tally) if rows is None else rows
        part = partition.encode().tally(shares, hash_seed, tally.n_rows, known)
        tally = tally.merge(part)
    return tally


def labels_of(tally: Tally) -> Labels:
    """Give classes and counts, without the codes of rows.

    Parameters
    ----------
    tally : Tally
        What is known of all rows.

    Returns
    -------
    Labels
        With no codes.

    Raises
    ------
    ValueError
        If there is no row, or only one class.
    """
    classes = sorted_classes(list(tally.classes)) if tally.classes else np.empty(0)
    names = classes.tolist()
    if len(names) < 2:
        raise ValueError(
            "y must have at least two classes, of rows that weigh anything; got "
            f"{names!r} in {tally.n_rows} rows."
        )
    counts = np.array([tally.classes[name].rows for name in names], dtype=np.int64)
    return Labels(np.empty(0, dtype=np.intp), classes, counts)


def rows_by_label(tally: Tally) -> dict[Any, int]:
    """Give the rows of each class.

    Parameters
    ----------
    tally : Tally
        What is known of all rows.

    Returns
    -------
    dict of label to int
        Rows.
    """
    return {label: own.rows for label, own in tally.classes.items()}


def shares_wanted(resampler: DecidesByLabels, tally: Tally) -> dict[Any, float]:
    """Find what share of each class is drawn beyond whole copies.

    Parameters
    ----------
    resampler : resampler
        Says how many rows of each class it wants.
    tally : Tally
        The classes and their counts.

    Returns
    -------
    dict of label to float
        Shares in [0, 1).
    """
    labels = labels_of(tally)
    with warnings.catch_warnings():
        # It comes again when the plan is made.
        warnings.simplefilter("ignore", AbsentClassWarning)
        rows = resampler._targets(labels, None).rows
    shares = (rows % labels.counts) / labels.counts
    return dict(zip(labels.classes.tolist(), shares.tolist(), strict=True))


def decide(resampler: DecidesByLabels, tally: Tally, seed: int, counts: Counts) -> Plan:
    """Make the plan from what is known of all labels.

    Parameters
    ----------
    resampler : resampler
        Says how many rows of each class it wants, and what they weigh.
    tally : Tally
        What is known of all rows.
    seed : int
        The user's seed.
    counts : {"exact", "expected"}
        Whether exactly the rows wanted are drawn.

    Returns
    -------
    Plan
        For every part of the same data.

    Raises
    ------
    ValueError
        If keys repeat where an exact number is wanted, or no row of a class is drawn.
    """
    labels = labels_of(tally)
    names = labels.classes.tolist()
    targets = resampler._targets(labels, None)
    copies, remainder = np.divmod(targets.rows, labels.counts)
    threshold, rows, drawn = [], [], []
    for name, whole, wanted in zip(
        names, copies.tolist(), remainder.tolist(), strict=True
    ):
        own = tally.classes[name]
        limit, extra, extra_mass = _limit(own, wanted, counts)
        if counts == "exact" and extra != wanted:
            raise ValueError(
                "key must be different in every row to draw an exact number of rows; "
                f"rows of equal keys stand together, and {wanted} of class {name!r} "
                'cannot be told from others. Use counts="expected", or a column that '
                "tells the rows apart."
            )
        if whole * own.rows + extra == 0:
            raise ValueError(
                f"No row of class {name!r} would be drawn of {own.rows}; lower the "
                'factor, or use counts="exact", which keeps one at least.'
            )
        # Of a class drawn to the last row, one more copy of all says the same.
        threshold.append(0 if extra == own.rows else limit)
        rows.append(whole * own.rows + extra)
        drawn.append(whole * own.mass + extra_mass)
    mass = np.array([tally.classes[name].mass for name in names])
    multiplier = resampler._class_weights(labels, targets, mass, np.array(drawn))
    return Plan(
        classes=tuple(names),
        rows_seen=tuple(labels.counts.tolist()),
        rows=tuple(rows),
        mass=tuple(mass.tolist()),
        class_weight=tuple(multiplier.tolist()),
        threshold=tuple(threshold),
        seed=seed,
    )


def drawn_mass(tally: Tally, plan: Plan) -> Floats:
    """Add up the incoming weights of the rows that a plan draws.

    Parameters
    ----------
    tally : Tally
        What is known of all rows.
    plan : Plan
        Made of it.

    Returns
    -------
    ndarray of shape (n_classes,)
        Total weight of each class, a row drawn m times counting m times.
    """
    mass = []
    columns = (plan.classes, plan.rows, plan.rows_seen, plan.threshold)
    for label, rows, seen, threshold in zip(*columns, strict=True):
        own = tally.classes[label]
        mass.append(rows // seen * own.mass + own.mass_below(threshold))
    return np.array(mass)


def _limit(own: ClassTally, wanted: int, counts: Counts) -> tuple[int, int, float]:
    if counts == "exact" or not wanted:
        return own.draw(wanted)
    return own.expect()


def check_unchanged(first: Tally, second: Tally) -> None:
    """Refuse to go on if two looks at the labels saw different data.

    Parameters
    ----------
    first, second : Tally
        What the two looks told.

    Raises
    ------
    ValueError
        If rows of a class differ.
    """
    before, after = rows_by_label(first), rows_by_label(second)
    if first.n_rows != second.n_rows or before != after:
        raise ValueError(
            "The data changed while it was read: the first look at the labels found "
            f"{before!r} in {first.n_rows} rows, the second {after!r} in "
            f"{second.n_rows}. Run again when nothing writes to it."
        )
