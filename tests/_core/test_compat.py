"""What the oldest scikit-learn supported lacks: the same numbers on every version."""

import numpy as np
import pytest
import sklearn.metrics
from sklearn.exceptions import UndefinedMetricWarning

from skstrat._core import compat

OWN = {
    "brier_score_loss": compat.brier_score_loss_of_classes,
    "d2_brier_score": compat.d2_brier_score_from_losses,
}
USED = {name: getattr(compat, name) for name in OWN}
# Two rows of "a" and one each of "b" and "c".
LABELS = ["a", "a", "b", "c"]
P3 = np.array([[0.5, 0.25, 0.25], [1, 0, 0], [0, 0.5, 0.5], [0.5, 0.5, 0]])
ERRORS = [0.375, 0, 0.5, 1.5]


@pytest.mark.parametrize("door", [OWN, USED], ids=["own", "used"])
def test_scores_by_hand(door):
    brier, d2 = door["brier_score_loss"], door["d2_brier_score"]
    assert brier(LABELS, P3) == sum(ERRORS) / 4
    weighted = brier(LABELS, P3, sample_weight=[4, 1, 2, 1])
    assert weighted == (4 * 0.375 + 2 * 0.5 + 1.5) / 8
    p = np.array([0.25, 0.5, 1.0])
    one = brier([0, 1, 1], p)
    assert one == pytest.approx((0.0625 + 0.25) / 3, rel=1e-15)
    assert brier([0, 1, 1], np.column_stack([1 - p, p])) == one
    # The shares 1/2, 1/4, 1/4 miss by 3/8 for "a", and by 7/8 for "b" and "c".
    assert d2(LABELS, P3) == pytest.approx(1 - sum(ERRORS) / 2.5, rel=1e-15)
    # Shares 3/4 and 1/4 by weight miss by 3/16 on average.
    weighted = d2([0, 1], [0.5, 0.5], sample_weight=[3, 1])
    assert weighted == pytest.approx(1 - 0.25 / 0.1875, rel=1e-15)
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(d2([1], [0.5]))
    for score in (brier, d2):
        with pytest.raises(ValueError, match="classes"):
            score(["a", "a", "b", "b"], P3)
        for wrong in (P3 * 2, P3 - 0.5):
            with pytest.raises(ValueError, match="y_prob"):
                score(LABELS, wrong)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_own_and_scikit_learn_agree(n_classes, weighted):
    if not hasattr(sklearn.metrics, "d2_brier_score"):
        pytest.skip("this scikit-learn has no Brier scores of many classes")
    rng = np.random.default_rng(n_classes)
    y = rng.integers(n_classes, size=500)
    p = rng.dirichlet(np.ones(n_classes), size=500).round(3)
    p = (p / p.sum(axis=1, keepdims=True)).clip(0, 1)
    weight = {"sample_weight": rng.lognormal(size=500)} if weighted else {}
    cases = [(y, p)] if n_classes > 2 else [(y, p), (y, p[:, 1]), (y == 1, p[:, 1])]
    for name, own in OWN.items():
        for case in cases:
            theirs = getattr(sklearn.metrics, name)(*case, **weight)
            assert own(*case, **weight) == pytest.approx(theirs, rel=1e-12)
