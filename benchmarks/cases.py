"""What fit_resample is timed on: labels, containers, ways to resample, and goals."""

from collections import namedtuple

import floor
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse

from skstrat import CombinedResample, DownsampleUpweight, RandomOversample

COLUMNS = 20
PREVALENCE = 0.005
FACTOR = 20
TEXTS = (floor.NEGATIVE, floor.POSITIVE)

Labels = namedtuple("Labels", "values make kind container")
Case = namedtuple("Case", "how rows X labels n_classes")
Goals = namedtuple("Goals", "floor peer")


def _blocks(n, rng):
    return rng.random((n, COLUMNS))


def _columns(n, rng):
    return {f"x{i}": rng.random(n) for i in range(COLUMNS)}


def _mixed(n, rng):
    columns = _columns(n, rng)
    for i in range(4):
        columns[f"x{i}"] = rng.integers(0, 1000, n)
    for i in (4, 5):
        columns[f"x{i}"] = rng.choice(["fuel", "games", "groceries"], n)
    columns["x6"] = np.datetime64("2024-01-01", "s") + rng.integers(0, 10**7, n)
    columns["x7"] = pd.Categorical.from_codes(rng.integers(0, 5, n), list("abcde"))
    return pd.DataFrame(columns)


# Kind of X -> how it is made, and how the floor takes rows of it.
X_KINDS = {
    "C": (_blocks, "C"),
    "float32": (lambda n, rng: rng.random((n, COLUMNS), dtype=np.float32), "C"),
    "F": (lambda n, rng: np.asfortranarray(_blocks(n, rng)), "F"),
    # A frame that shares a C-ordered array has its rows in sequence; one made from
    # columns, or copied, its columns.
    "frame": (lambda n, rng: pd.DataFrame(_blocks(n, rng), copy=False), "pandas"),
    "column frame": (lambda n, rng: pd.DataFrame(_columns(n, rng)), "pandas"),
    "mixed frame": (_mixed, "pandas"),
    "polars": (lambda n, rng: pl.DataFrame(_columns(n, rng)), "polars"),
    "pyarrow": (lambda n, rng: pa.table(_columns(n, rng)), "pyarrow"),
    "csr": (
        lambda n, rng: sparse.random_array((n, COLUMNS), density=0.2, rng=rng).tocsr(),
        "csr",
    ),
}


def _objects(codes):
    return np.array(TEXTS, dtype=object)[codes]


def _pandas_text(storage):
    return lambda codes: pd.Series(
        _objects(codes), dtype=pd.StringDtype(storage, na_value=np.nan)
    )


# Kind of labels -> their values, how they are made from 0 and 1, and how the floor
# reads them and takes some.
LABELS = {
    "int64": Labels((0, 1), lambda codes: codes, "number", "C"),
    "int8": Labels((0, 1), lambda codes: codes.astype(np.int8), "byte", "C"),
    "bool": Labels((False, True), lambda codes: codes.astype(bool), "bool", "C"),
    "float": Labels((0.0, 1.0), lambda codes: codes.astype(float), "number", "C"),
    "fixed str": Labels(TEXTS, lambda codes: np.array(TEXTS)[codes], "text", "C"),
    "object": Labels(TEXTS, _objects, "text", "C"),
    "pandas category": Labels(
        TEXTS,
        lambda codes: pd.Series(_objects(codes), dtype="category"),
        "pandas category",
        "pandas",
    ),
    "pandas str": Labels(TEXTS, _pandas_text("python"), "pandas text", "pandas"),
    "pandas Arrow": Labels(TEXTS, _pandas_text("pyarrow"), "pandas arrow", "pandas"),
    "polars str": Labels(
        TEXTS,
        lambda codes: pl.Series(_objects(codes), dtype=pl.String),
        "polars text",
        "polars",
    ),
    "polars int": Labels((0, 1), pl.Series, "polars number", "polars"),
}


def list_cases():
    """List all cases.

    Returns
    -------
    list of Case
        What is done, nominal rows, kinds of X and labels, and number of classes.
    """
    hows = ("down", "over", "combined")
    sizes = (10**3, 10**5, 10**6, 10**7)
    cases = [Case(how, rows, "C", "int64", 2) for rows in sizes for how in hows]
    cases.append(Case("down", 5 * 10**6, "float32", "int64", 2))
    million = 10**6
    others = [kind for kind in LABELS if kind != "int64"]
    cases += [Case(how, million, "C", y, 2) for y in others for how in hows[:2]]
    others = [kind for kind in X_KINDS if kind not in ("C", "float32")]
    cases += [Case(how, million, X, "int64", 2) for X in others for how in hows]
    cases += [Case("down", million, "C", "int64", k) for k in (10, 1000)]
    return cases


def name_of(case):
    """Name a case as the table does.

    Parameters
    ----------
    case : Case
        A case.

    Returns
    -------
    str
        Its name.
    """
    digits = f"{case.rows:.0e}".replace("e+0", "e")
    classes = f", {case.n_classes} classes" if case.n_classes > 2 else ""
    return f"{case.how} {digits}, X {case.X}, y {case.labels}{classes}"


def goals_of(case):
    """Give the ratios that a case must reach.

    Parameters
    ----------
    case : Case
        A case.

    Returns
    -------
    Goals
        Largest skstrat / floor and smallest imbalanced-learn / skstrat; None for none.
    """
    if case.rows == 10**3:
        return Goals(None, 2)
    if case.rows not in (10**6, 10**7) or case.n_classes == 10:
        return Goals(None, None)
    if case.n_classes == 1000:
        return Goals(1.8, None)
    if case.how != "down":
        return Goals(1.4, None)
    if case.X != "C":
        return Goals(1.6, None)
    return Goals(1.8 if case.labels == "int64" else 2, 20)


def make_codes(n, n_classes, rng):
    """Make class codes: 0.5 % ones, or many classes of equal size, in random order.

    Parameters
    ----------
    n : int
        Rows.
    n_classes : int
        Classes.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    ndarray of shape (n,)
        Codes, int64, every class among them.
    """
    if n_classes > 2:
        return rng.permutation(np.arange(n) % n_classes)
    codes = (rng.random(n) < PREVALENCE).astype(np.int64)
    codes[rng.integers(n)] = 1
    return codes


def plan_of(how, counts):
    """Give the rows wanted and the weights, as the resampler of a case has them.

    Parameters
    ----------
    how : {"down", "over", "combined"}
        What is done.
    counts : ndarray of shape (n_classes,)
        Rows of each class.

    Returns
    -------
    wanted : list of int
        Rows of each class after resampling.
    class_weight : tuple of float or None
        Weight of a drawn row of each class; None if all are 1.
    """
    if how == "over":
        return [int(counts[0])] * 2, None
    wanted = np.maximum(1, np.rint(counts / FACTOR)).astype(int)
    if len(counts) == 2:
        wanted[1] = counts[1] * (5 if how == "combined" else 1)
    mass = np.full(2, counts.sum() / 2) if how == "combined" else counts
    return wanted.tolist(), tuple((mass / wanted).tolist())


def contenders(case, X, y, codes):
    """Give the three ways to do a case, as functions without arguments.

    Parameters
    ----------
    case : Case
        A case.
    X, y : containers
        Its data.
    codes : ndarray of shape (n_rows,)
        Class codes of y.

    Returns
    -------
    dict of str to callable
        "floor", "skstrat" and "imblearn"; all give X and y, the first two weights.
    """
    labels = LABELS[case.labels]
    names = labels.values if case.n_classes == 2 else range(case.n_classes)
    wanted, class_weight = plan_of(case.how, np.bincount(codes))
    named = dict(zip(names, wanted, strict=True))
    resampler = {
        "down": DownsampleUpweight(factor=FACTOR, random_state=0),
        "over": RandomOversample(weighting="uniform", random_state=0),
        "combined": CombinedResample(
            sampling_strategy=named, weighting="balanced", random_state=0
        ),
    }[case.how]
    kinds = (X_KINDS[case.X][1], labels.kind, labels.container)
    how = case.how
    if case.n_classes > 2:
        resampler = DownsampleUpweight(sampling_strategy=named, random_state=0)
        kinds, how = (kinds[0], "codes", "C"), "down many"
    return {
        "floor": lambda: floor.resample(X, y, kinds, how, wanted, class_weight),
        "skstrat": lambda: resampler.fit_resample(X, y),
        "imblearn": _peer(how, X, y, named),
    }


def _peer(how, X, y, named):
    # imbalanced-learn cuts and repeats in two steps; a class not named stays.
    negative, positive = list(named)[:2]
    cut = named if how == "down many" else {negative: named[negative]}
    under = RandomUnderSampler(sampling_strategy=cut, random_state=0)
    grown = {positive: named[positive]}
    over = RandomOverSampler(sampling_strategy=grown, random_state=0)
    steps = {"over": [over], "combined": [under, over]}.get(how, [under])

    def run():
        result = X, y
        for step in steps:
            result = step.fit_resample(*result)
        return result

    return run


def check(case, ways):
    """Refuse to time the floor against something else.

    Parameters
    ----------
    case : Case
        A case.
    ways : dict of str to callable
        Its "floor" and "skstrat".

    Raises
    ------
    AssertionError
        If class counts, or weight totals of the classes, differ.
    """
    kind = "codes" if case.n_classes > 2 else LABELS[case.labels].kind
    counts, totals = {}, {}
    for way in ("floor", "skstrat"):
        X, y, weights = ways[way]()
        codes = floor.CODES[kind](y).astype(np.intp)
        assert X.shape == (len(codes), COLUMNS), f"{name_of(case)}: {way} lost rows"
        counts[way] = np.bincount(codes)
        totals[way] = np.bincount(codes, weights)
    np.testing.assert_array_equal(counts["skstrat"], counts["floor"], name_of(case))
    np.testing.assert_allclose(totals["skstrat"], totals["floor"], 1e-9, 0)
