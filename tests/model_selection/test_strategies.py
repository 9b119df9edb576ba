"""Ready lists of strategies for a search."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skstrat import (
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
    ResampledClassifier,
    Weighted,
    strategy_grid,
)

EVERY_FAMILY = (
    "downsample",
    "oversample",
    "combined",
    "class_weight",
    "guided",
    "auto",
    "synthetic",
)


def test_the_true_distribution_comes_first_and_x_is_not_read_by_default():
    first, *others = strategy_grid(factors=[7])
    assert first is None
    assert [type(each) for each in others] == [
        DownsampleUpweight,
        DownsampleUpweight,
        RandomOversample,
        CombinedResample,
        ClassWeight,
    ]
    assert [each.factor for each in others[:2]] == [None, 7]


def test_families_come_in_the_order_asked_for_and_factors_from_any_iterable():
    made = strategy_grid(factors=iter([3, 9]), families=iter(["guided", "downsample"]))
    assert [getattr(each, "factor", "-") for each in made] == ["-", 3, 9, None, 3, 9]
    assert isinstance(made[1], GuidedDownsample)


def test_a_generator_serves_every_family():
    made = strategy_grid(
        factors=[3], families=EVERY_FAMILY, random_state=np.random.default_rng(0)
    )
    assert isinstance(made[-1], Weighted)
    assert isinstance(made[-1].sampler, SMOTE)
    assert isinstance(made[-1].sampler.random_state, int)


@pytest.mark.slow
def test_every_family_in_a_search():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 2))
    y = rng.random(3000) < 1 / (1 + np.exp(3 - X[:, 0]))
    search = GridSearchCV(
        ResampledClassifier(LogisticRegression()),
        {"resampler": strategy_grid(factors=[5], families=EVERY_FAMILY)},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    ).fit(X, y)
    # All of them restore the masses or are corrected for them.
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 9
    assert np.ptp(scores) < 0.1 * -scores[0]


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match=r"families must be among .*'synthetic'.*mote"):
        strategy_grid(families=["downsample", "smote"])
