"""Rows of several labels: drawn by the rarest of them, raked to all their totals."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from xxhash import xxh64_intdigest

from skstrat import CombinedResample, DownsampleUpweight, Pipeline, RandomOversample
from skstrat.resamplers._multilabel import rake, read_label_sets


def dependent_labels(n_rows, counts, seed=0):
    """Make labels with given counts that come together: one factor behind all."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n_rows)
    y = np.zeros((n_rows, len(counts)), dtype=int)
    for column, count in enumerate(counts):
        score = 0.7 * common + 0.7 * rng.normal(size=n_rows)
        y[np.argsort(-score)[: count * n_rows // 100_000], column] = 1
    return y


SMALL = dependent_labels(3000, [40_000, 20_000, 9000, 2000])
ROWS = np.arange(len(SMALL), dtype=float).reshape(-1, 1)
WEIGHT = np.random.default_rng(6).lognormal(size=len(SMALL))
NAMES = list("pqrs")


def down(**words):
    return DownsampleUpweight(**{"random_state": 3} | words)


def draw(y=SMALL, sample_weight=None, **words):
    resampler = down(**words)
    X = np.arange(y.shape[0], dtype=float).reshape(-1, 1)
    *_, weights = resampler.fit_resample(X, y, sample_weight=sample_weight)
    return resampler, resampler.sample_indices_, weights


def with_none(y):
    """Add a column for rows without a label."""
    return np.column_stack([y, y.sum(axis=1) == 0]).astype(float)


# The draw ---------------------------------------------------------------------------


def hashes(rows, seed):
    mixed = xxh64_intdigest(seed.to_bytes(8, "little"), 42)
    return [xxh64_intdigest(int(row).to_bytes(8, "little"), mixed) for row in rows]


@pytest.mark.parametrize("seed", range(6))
def test_rows_are_drawn_at_the_highest_rate_of_their_labels(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((400, 3)) < [0.4, 0.2, 0.1]).astype(int)
    weight = rng.lognormal(size=400) * (rng.random(400) < 0.8)
    left = np.flatnonzero(weight)
    member = with_none(y)[left]
    counts = member.sum(axis=0)
    factor = dict(zip([0, 1, 2, None], rng.uniform(1, 9, 4).tolist(), strict=True))
    rate = np.maximum(1, np.rint(counts / list(factor.values()))) / counts
    resampler, drawn, weights = draw(
        y, weight, factor=factor, weighting="factor", random_state=seed
    )
    deciding = (member * rate).argmax(axis=1)
    expected, inverse_chance = [], {}
    for label in range(4):
        own = left[deciding == label]
        wanted = max(1, round(len(own) * rate[label]))
        first = sorted(zip(hashes(own, seed), own.tolist(), strict=True))[:wanted]
        expected += [row for _, row in first]
        inverse_chance |= dict.fromkeys(own.tolist(), len(own) / wanted)
    assert drawn.tolist() == sorted(expected)
    nominal = weight[drawn] * [inverse_chance[row] for row in drawn.tolist()]
    np.testing.assert_allclose(weights, nominal, rtol=1e-12)
    kept = dict(zip(factor, with_none(y)[drawn].sum(axis=0).astype(int), strict=True))
    assert resampler.sampling_strategy_ == kept
    _, same, uniform = draw(
        y, weight, factor=factor, weighting="uniform", random_state=seed
    )
    assert same.tolist() == drawn.tolist()
    assert uniform.tolist() == weight[drawn].tolist()


def test_more_labels_than_a_byte_holds():
    y = (np.random.default_rng(0).random((3000, 300)) < 0.002).astype(int)
    y[np.arange(300), np.arange(300)] = 1
    factor = dict.fromkeys([*range(300), None], 5.0) | {299: 1.0}
    _, drawn, weights = draw(y, factor=factor, weighting="factor")
    whole = np.flatnonzero(y[:, 299])
    assert len(whole) > 2
    assert np.isin(whole, drawn).all()
    assert (weights[np.isin(drawn, whole)] == 1).all()
    # Rows over rows drawn, of those over which a label decides.
    assert weights.sum() == pytest.approx(3000, rel=1e-12)


@pytest.mark.parametrize("sampling_strategy", [0.1, 0.5, "majority"])
@pytest.mark.parametrize("weighted", [False, True])
def test_raked_totals_are_those_of_all_rows(weighted, sampling_strategy):
    for seed in range(5):
        y = dependent_labels(1500, [40_000, 20_000, 9000], seed=seed)
        old = np.random.default_rng(seed).lognormal(size=1500) ** weighted
        resampler, drawn, weights = draw(
            y, old if weighted else None, sampling_strategy=sampling_strategy
        )
        kept, totals = with_none(y)[drawn], old @ with_none(y)
        assert weights @ kept == pytest.approx(totals, rel=1e-9)
        assert weights.sum() == pytest.approx(old.sum(), rel=1e-9)
        assert (weights > 0).all()
        # One number for all rows of the same labels.
        ratio = pd.Series(weights / old[drawn]).groupby(y[drawn] @ [1, 2, 4])
        np.testing.assert_allclose(ratio.max(), ratio.min(), rtol=1e-9)
        names = [0, 1, 2, None]
        assert resampler.classes_.tolist() == names
        by_label = (weights @ kept) / (old[drawn] @ kept)
        by_label = dict(zip(names, by_label, strict=True))
        assert resampler.class_weight_ == pytest.approx(by_label, rel=1e-9)


# Raking -----------------------------------------------------------------------------


def test_the_weights_of_a_draw_are_those_of_least_divergence():
    words = {"sampling_strategy": 0.1}
    _, drawn, weights = draw(SMALL, WEIGHT, **words)
    _, _, before = draw(SMALL, WEIGHT, **words, weighting="factor")
    assert len(drawn) < len(SMALL)
    # Of all weights with these totals, the nearest change by a factor per label.
    columns, change = with_none(SMALL)[drawn], np.log(weights / before)
    columns = np.column_stack([columns, np.ones(len(drawn))])
    factors = np.linalg.lstsq(columns, change)[0]
    np.testing.assert_allclose(columns @ factors, change, rtol=0, atol=1e-9)
    assert np.ptp(change) > 0.01


def big_and_small(shares):
    """Make a big label: rows without a label are nearly those that have it not."""
    rng = np.random.default_rng(0)
    return (rng.random((4000, len(shares))) < shares).astype(int)


def nearly_together(apart):
    rng = np.random.default_rng(0)
    first = rng.random(30_000) < 0.3
    second = np.where(rng.random(30_000) < apart, ~first, first)
    return np.column_stack([first, second, rng.random(30_000) < 0.02]).astype(int)


ONE, TWO = SMALL[:, 0], SMALL[:, 0] & SMALL[:, 1]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (big_and_small((0.4, 0.01)), {"factor": {0: 4}}),
        (big_and_small((0.8, 0.01)), {"factor": {0: 4}}),
        (np.column_stack([ONE, ONE, TWO, SMALL[:, 3]]), {"sampling_strategy": 0.1}),
        (nearly_together(0.1), {}),
        (nearly_together(0.001), {}),
        (SMALL[SMALL.any(axis=1)], {"sampling_strategy": 0.1}),
    ],
    ids=["big", "bigger", "labels within labels", "together", "nearly", "every row"],
)
def test_labels_that_are_hard_to_tell_apart(y, words):
    for weight in (None, np.random.default_rng(1).lognormal(size=len(y))):
        _, drawn, weights = draw(y, weight, **words)
        old = np.ones(len(y)) if weight is None else weight
        np.testing.assert_allclose(weights @ y[drawn], old @ y, rtol=1e-9)
        assert len(drawn) < 0.95 * len(y)


@pytest.mark.parametrize("totals", [[10, 20, 15, 12], [30, 30, 35, 20]])
def test_totals_that_contradict_each_other_give_way_a_little(totals):
    y = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]])
    sets, totals = read_label_sets(y), np.array(totals, dtype=float)
    for seed in range(3):
        weights = np.random.default_rng(seed).lognormal(size=5)
        with pytest.warns(
            ConvergenceWarning, match=r"No weights of the rows kept have"
        ):
            raked = rake(weights, sets, totals, 40.0)
        # The slope of divergence and penalty is the same for every row.
        off = raked @ with_none(y) - totals
        slope = np.log(raked / weights) + with_none(y) @ (off / (0.01 * totals))
        np.testing.assert_allclose(slope, slope[0], rtol=0, atol=1e-7)
        assert raked.sum() == pytest.approx(40, rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_the_grand_total_is_kept_where_label_totals_are_not(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((400, 4)) < [0.5, 0.3, 0.2, 0.1]).astype(int)
    weight = rng.lognormal(sigma=2, size=400)
    factor = dict.fromkeys([0, 1, 2, 3, None], 60)
    with pytest.warns(ConvergenceWarning, match="totals of .* differ; the") as caught:
        _, drawn, weights = draw(y, weight, factor=factor, random_state=seed)
    assert len(drawn) < 20
    assert weights.sum() == pytest.approx(weight.sum(), rel=1e-12)
    # No row is as good as dropped.
    assert weights.min() > 1e-6 * weights.max()
    off = np.abs(weights @ with_none(y)[drawn] / (weight @ with_none(y)) - 1)
    assert repr([0, 1, 2, 3, None][off.argmax()]) in str(caught[0].message)


# Words ------------------------------------------------------------------------------


# Containers -------------------------------------------------------------------------


def stored_zeros(y):
    places = np.tile(range(y.shape[1]), len(y))
    return sparse.csr_array((y.ravel(), places, np.arange(len(y) + 1) * y.shape[1]))


CONTAINERS = {
    "list": np.ndarray.tolist,
    "Fortran": np.asfortranarray,
    "pandas": lambda y: pd.DataFrame(y, columns=NAMES, index=-np.arange(len(y))),
    "nullable": lambda y: pd.DataFrame(y, columns=NAMES).astype("Int64"),
    "polars": lambda y: pl.DataFrame(y, schema=NAMES),
    "arrow": lambda y: pa.table(dict(zip(NAMES, y.T, strict=True))),
    "csc": sparse.csc_array,
    "stored zeros": stored_zeros,
    "sparse booleans": lambda y: sparse.csr_array(y.astype(bool)),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_label_sets_of_every_container(kind):
    y, words = CONTAINERS[kind](SMALL), {"sampling_strategy": 0.1}
    reference, drawn, expected = draw(SMALL, WEIGHT, **words)
    resampler = down(**words)
    X_res, y_res, weights = resampler.fit_resample(ROWS, y, sample_weight=WEIGHT)
    assert X_res.ravel().tolist() == drawn.tolist()
    assert resampler.sample_indices_.tolist() == drawn.tolist()
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    assert type(y_res) is type(y)
    dense = y_res.toarray() if sparse.issparse(y_res) else np.asarray(y_res)
    assert (dense.astype(int) == SMALL[drawn]).all()
    names = NAMES if kind in ("pandas", "nullable", "polars", "arrow") else range(4)
    assert resampler.classes_.tolist() == [*names, None]
    assert list(resampler.class_weight_) == [*names, None]
    by_label = [list(its.sampling_strategy_.values()) for its in (resampler, reference)]
    assert by_label[0] == by_label[1]


def test_names_of_columns_are_names_of_labels():
    y = pd.DataFrame(SMALL, columns=NAMES)
    _, drawn, _ = draw(factor={0: 9, None: 3})
    _, by_name, _ = draw(y, factor={"p": 9, None: 3})
    assert by_name.tolist() == drawn.tolist()
    with_empty = np.insert(SMALL, 1, 0, axis=1)
    resampler, drawn, _ = draw(with_empty, factor={0: 9, None: 3})
    assert resampler.classes_.tolist() == [0, 2, 3, 4, None]
    assert drawn.tolist() == by_name.tolist()


@pytest.mark.parametrize("make", [np.asarray, stored_zeros], ids=["array", "csr"])
def test_one_label_in_every_row_makes_classes(make):
    codes = np.random.default_rng(3).choice(3, 900, p=[0.9, 0.08, 0.02])
    resampler, drawn, weights = draw(make(np.eye(3, dtype=int)[codes]), factor=3)
    expected = draw(codes, factor=3)
    assert resampler.plan_ == expected[0].plan_
    assert drawn.tolist() == expected[1].tolist()
    assert weights.tolist() == expected[2].tolist()
    # Another fit forgets the plan.
    assert not hasattr(resampler.fit(ROWS, SMALL), "plan_")


# Models -----------------------------------------------------------------------------


def ratios(head, weighting, seed):
    """Divide what each head predicts on average by what there is."""
    rng = np.random.default_rng(0)
    X, common = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 1))
    score = X @ rng.normal(size=(3, 4)) + common + rng.normal(size=(20_000, 4))
    y = (score > [1.5, 3, 4.5, 5.5]).astype(int)
    resampler = down(sampling_strategy=0.1, weighting=weighting, random_state=seed)
    model = Pipeline([("down", resampler), ("fit", head)]).fit(X, y)
    p = model.predict_proba(X)
    if isinstance(p, list):
        p = np.column_stack([each[:, 1] for each in p])
    return p.mean(axis=0) / y.mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MultiOutputClassifier, OneVsRestClassifier])
def test_every_head_is_calibrated(kind):
    with config_context(enable_metadata_routing=True):
        head = kind(LogisticRegression().set_fit_request(sample_weight=True))
        weighted = [ratios(head, "original", seed) for seed in range(10)]
        unweighted = ratios(head, "uniform", 0)
    error = np.std(weighted, axis=0, ddof=1) / np.sqrt(10)
    assert (np.abs(np.mean(weighted, axis=0) - 1) < 5 * error).all()
    assert np.abs(np.mean(weighted, axis=0) - 1).max() < 0.06
    assert np.abs(unweighted - 1).max() > 0.5


def test_heads_of_several_outputs_are_given_the_weights_without_routing():
    head = MultiOutputClassifier(LogisticRegression())
    assert ratios(head, "original", 0) == pytest.approx(np.ones(4), abs=0.3)


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resampler", "y", "text"),
    [
        (
            down(weighting="balanced"),
            SMALL,
            "weighting must be .original., .factor. or",
        ),
        (down(weighting={0: 1.0}), SMALL, "weighting must be .original., .factor. or"),
        (RandomOversample(), SMALL, "[Mm]ultilabel .*not supported"),
        (CombinedResample(), SMALL, "[Mm]ultilabel .*not supported"),
        (down(groups=ROWS.astype(int)), SMALL, "[Mm]ultilabel .*not supported"),
        (down(), SMALL * 2, "[Mm]ultilabel .*not supported"),
        (down(), sparse.csr_array(SMALL * 2), "[Mm]ultilabel .*not supported"),
        (down(), np.where(SMALL == 1, np.nan, 0), "[Mm]ultilabel .*not supported"),
        (down(), SMALL + 0.5, "[Mm]ultilabel .*not supported"),
        (down(), SMALL.astype(str), "[Mm]ultilabel .*not supported"),
        (down(), SMALL[1:], "3000 in X and 2999 in y"),
        (down(), SMALL * 0, "y must have a label in some row; got only zeros"),
    ],
)
def test_what_is_refused(resampler, y, text):
    with pytest.raises(ValueError, match=text):
        resampler.fit(ROWS, y)


@pytest.mark.parametrize("weighting", ["original", "uniform"])
def test_a_label_that_is_lost(weighting):
    # All rows of the second label have the first, of which a fifth is kept.
    y = np.zeros((2000, 3), dtype=int)
    y[:1000, 0], y[:10, 1], y[1500:, 2] = 1, 1, 1
    lost = set()
    for seed in range(12):
        resampler = down(factor={0: 5, 1: 10}, weighting=weighting, random_state=seed)
        try:
            lost.add(resampler.fit(ROWS[:2000], y).sampling_strategy_[1] == 0)
        except ValueError as error:
            assert "No row that has label 1 is kept" in str(error)  # noqa: PT017
            lost.add("refused")
    assert lost == {False, "refused"}
