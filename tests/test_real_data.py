"""Calibration on real data, five folds, every score on untouched rows."""

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skstrat import DownsampleUpweight, ResampledClassifier


def logistic():
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    text = OneHotEncoder(handle_unknown="ignore", min_frequency=20)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (text, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def boosting():
    return HistGradientBoostingClassifier(random_state=0)


def down(**arguments):
    return DownsampleUpweight(random_state=0, **arguments)


def undersampled(classifier):
    """Do what people do today: as many rows of every class, nothing corrected."""
    return make_imblearn_pipeline(RandomUnderSampler(random_state=0), classifier)


@pytest.fixture
def out_of_fold(real_data):
    """Give a function: mean p / prevalence of each class, log loss, probabilities."""

    def predict(name, model):
        X, y = real_data(name)
        X = X.dropna(axis=1, how="all")
        classes, codes = np.unique(y, return_inverse=True)
        p = np.empty((len(y), len(classes)))
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
            model.fit(X.iloc[train], y.iloc[train])
            p[test] = model.predict_proba(X.iloc[test])
        ratio = p.mean(axis=0) / (np.bincount(codes) / len(codes))
        return ratio, log_loss(y, p, labels=classes), p

    return predict


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mammography", "adult"])
def test_logistic_regression_stays_calibrated(out_of_fold, name):
    _, loss_true, _ = out_of_fold(name, ResampledClassifier(logistic()))
    ratio, loss, _ = out_of_fold(name, ResampledClassifier(logistic(), down()))
    plain, loss_plain, _ = out_of_fold(name, undersampled(logistic()))
    assert 0.85 < ratio[1] < 1.15
    assert loss < 1.1 * loss_true
    assert abs(plain[1] - 1) > 5 * abs(ratio[1] - 1)
    assert loss_plain > 1.1 * loss_true


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_seed_does_not_matter(out_of_fold, seed):
    _, loss_true, _ = out_of_fold("mammography", ResampledClassifier(logistic()))
    resampler = DownsampleUpweight(random_state=seed)
    model = ResampledClassifier(logistic(), resampler)
    ratio, loss, _ = out_of_fold("mammography", model)
    assert 0.85 < ratio[1] < 1.15
    assert loss < 1.1 * loss_true


# Measured with seed 0: 1.08 with a log loss 8 % up, and 1.00 with .1 %.
@pytest.mark.slow
@pytest.mark.parametrize(("name", "factor"), [("mammography", 20), ("adult", 3)])
def test_logistic_regression_at_other_factors(out_of_fold, name, factor):
    model = ResampledClassifier(logistic(), down(factor=factor))
    ratio, loss, _ = out_of_fold(name, model)
    plain, loss_plain, _ = out_of_fold(name, undersampled(logistic()))
    assert 0.85 < ratio[1] < 1.15
    assert loss < 0.9 * loss_plain
    assert abs(plain[1] - 1) > 5 * abs(ratio[1] - 1)


# Measured: 1.01 against 3.3 and 1.25 against 5.9; five classes 0.98 to 1.19 against
# 0.6 to 15.8. oil_spill has 33 positives to train on and 49 columns.
@pytest.mark.parametrize("name", ["thyroid_sick", "oil_spill", "page_blocks"])
def test_small_and_multiclass_data(out_of_fold, name):
    model = ResampledClassifier(logistic(), down(), calibration_check=False)
    ratio, loss, p = out_of_fold(name, model)
    plain, loss_plain, _ = out_of_fold(name, undersampled(logistic()))
    assert np.isfinite(p).all()
    assert np.all((p >= 0) & (p <= 1))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert np.all(np.abs(np.log(ratio)) < np.abs(np.log(plain)) / 3)
    assert loss < loss_plain / 2


# Measured, ten rows for each positive: 1.04 with the prior corrected, 1.20 with
# weights; factor 20: 1.51 and 2.24 (208 positives, so 3.3 rows for each of them); plain
# under-sampling 6.3.
@pytest.mark.slow
@pytest.mark.parametrize("words", [{"sampling_strategy": 0.1}, {"factor": 20}])
def test_boosting_is_calibrated_better_without_weights(out_of_fold, words):
    def corrected(use_weights):
        return ResampledClassifier(
            boosting(),
            down(**words),
            use_weights=use_weights,
            calibration_check=False,
        )

    ratio, loss, _ = out_of_fold("mammography", corrected("auto"))
    weighted, loss_weighted, _ = out_of_fold("mammography", corrected(True))
    plain, loss_plain, _ = out_of_fold("mammography", undersampled(boosting()))
    assert abs(plain[1] - 1) > 5 * abs(ratio[1] - 1)
    assert abs(weighted[1] - 1) > 1.5 * abs(ratio[1] - 1)
    assert loss < loss_weighted
    assert loss < loss_plain / 2
    if "factor" not in words:
        assert 0.85 < ratio[1] < 1.15
