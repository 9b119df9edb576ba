"""Ready lists of strategies for a search."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skstrat import ResampledClassifier, strategy_grid

NO_SMOTE = ["downsample", "oversample", "combined", "class_weight", "guided", "auto"]
EVERY = [*NO_SMOTE, "synthetic"]


def test_families_come_in_the_order_asked_for_and_factors_from_any_iterable():
    kinds = [type(each).__name__ for each in strategy_grid(factors=[7])]
    downsample = ["NoneType", "DownsampleUpweight", "DownsampleUpweight"]
    assert kinds == [*downsample, "RandomOversample", "CombinedResample", "ClassWeight"]
    made = strategy_grid(factors=iter([3, 9]), families=iter(["guided", "downsample"]))
    assert [getattr(each, "factor", "-") for each in made] == ["-", 3, 9, None, 3, 9]
    assert type(made[1]).__name__ == "GuidedDownsample"
    generator = np.random.default_rng(0)
    sampler = strategy_grid(factors=[3], families=EVERY, random_state=generator)[-1]
    assert isinstance(sampler.sampler, SMOTE)
    assert isinstance(sampler.sampler.random_state, int)
    with pytest.raises(ValueError, match=r"families must be among .*'synthetic'.*mote"):
        strategy_grid(families=["downsample", "smote"])


@pytest.mark.slow
def test_every_family_in_a_search():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 2))
    y = rng.random(3000) < 1 / (1 + np.exp(3 - X[:, 0]))
    search = GridSearchCV(
        ResampledClassifier(LogisticRegression()),
        {"resampler": strategy_grid(factors=[5], families=EVERY)},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    ).fit(X, y)
    # All of them restore the masses or are corrected for them.
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 9
    assert np.ptp(scores) < 0.1 * -scores[0]
