"""What the oldest scikit-learn supported lacks: the same numbers on every version."""

import pickle

import numpy as np
import pytest
import sklearn.metrics
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import log_loss

from skstrat import metrics
from skstrat._core import compat

OWN = {
    "brier_score_loss": compat.brier_score_loss_of_classes,
    "d2_brier_score": compat.d2_brier_score_from_losses,
}
USED = {name: getattr(compat, name) for name in OWN}
BOTH = pytest.mark.parametrize("door", [OWN, USED], ids=["own", "used"])
# Two rows of "a" and one each of "b" and "c".
LABELS = ["a", "a", "b", "c"]
P3 = np.array([[0.5, 0.25, 0.25], [1, 0, 0], [0, 0.5, 0.5], [0.5, 0.5, 0]])
ERRORS = [0.375, 0, 0.5, 1.5]


@BOTH
def test_brier_score_of_three_classes_by_hand(door):
    brier = door["brier_score_loss"]
    assert brier(LABELS, P3) == sum(ERRORS) / 4
    weighted = brier(LABELS, P3, sample_weight=[4, 1, 2, 1])
    assert weighted == (4 * 0.375 + 2 * 0.5 + 1.5) / 8


@BOTH
def test_brier_score_of_two_columns_is_that_of_one(door):
    p = np.array([0.25, 0.5, 1.0])
    brier = door["brier_score_loss"]
    one = brier([0, 1, 1], p)
    assert one == pytest.approx((0.0625 + 0.25) / 3, rel=1e-15)
    assert brier([0, 1, 1], np.column_stack([1 - p, p])) == one


@BOTH
def test_part_explained_by_hand(door):
    d2 = door["d2_brier_score"]
    # The shares 1/2, 1/4, 1/4 miss by 3/8 for "a", and by 7/8 for "b" and "c".
    assert d2(LABELS, P3) == pytest.approx(1 - sum(ERRORS) / 2.5, rel=1e-15)
    # The share 1/4 misses by 3/16 on average.
    explained = d2([False, False, False, True], [0, 0, 0.5, 0.5])
    assert explained == pytest.approx(1 - 0.125 / 0.1875, rel=1e-15)
    # Shares 3/4 and 1/4 by weight.
    weighted = d2([0, 1], [0.5, 0.5], sample_weight=[3, 1])
    assert weighted == pytest.approx(1 - 0.25 / 0.1875, rel=1e-15)


@BOTH
def test_one_row_explains_nothing(door):
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(door["d2_brier_score"]([1], [0.5]))


@BOTH
def test_impossible_probabilities_are_refused(door):
    for name in ("brier_score_loss", "d2_brier_score"):
        with pytest.raises(ValueError, match="classes"):
            door[name](["a", "a", "b", "b"], P3)
        for wrong in (P3 * 2, P3 - 0.5):
            with pytest.raises(ValueError, match="y_prob"):
                door[name](LABELS, wrong)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_own_and_scikit_learn_agree(n_classes, weighted):
    if not hasattr(sklearn.metrics, "d2_brier_score"):
        pytest.skip("this scikit-learn has no Brier scores of many classes")
    rng = np.random.default_rng(n_classes)
    y = rng.integers(n_classes, size=500)
    p = rng.dirichlet(np.ones(n_classes), size=500).round(3)
    p /= p.sum(axis=1, keepdims=True)
    p = p.clip(0, 1)
    weight = {"sample_weight": rng.lognormal(size=500)} if weighted else {}
    cases = [(y, p)] if n_classes > 2 else [(y, p), (y, p[:, 1]), (y == 1, p[:, 1])]
    for name in ("brier_score_loss", "d2_brier_score"):
        theirs = getattr(sklearn.metrics, name)
        for case in cases:
            own = OWN[name](*case, **weight)
            assert own == pytest.approx(theirs(*case, **weight), rel=1e-12)


def test_a_named_partial_is_a_partial_with_a_name():
    loss = compat.named_partial(log_loss, labels=[0, 1])
    copy = pickle.loads(pickle.dumps(loss))
    assert copy.__name__ == "log_loss"
    assert copy([0, 0], [0.5, 0.5]) == loss([0, 0], [0.5, 0.5]) == np.log(2)


def test_every_scorer_has_a_repr():
    for scorer in metrics.scorers().values():
        assert repr(scorer).startswith("make_scorer(")
