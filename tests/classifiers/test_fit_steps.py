"""What reaches the last step of a pipeline that is fitted step by step."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.pipeline import Pipeline as StockPipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    FocalLossClassifier,
    GuidedDownsample,
    Pipeline,
    ResampledClassifier,
)

lightgbm = pytest.importorskip("lightgbm")
da = pytest.importorskip("dask.array")
catboost = pytest.importorskip("catboost")

UNIFORM = DownsampleUpweight(factor=10, random_state=0)
GUIDED = GuidedDownsample(factor=10, random_state=0)


def rows(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, (rng.random(n_rows) < expit(X[:, 0] - 3)).astype(int)


def trees(**words):
    return lightgbm.LGBMClassifier(
        n_estimators=30, num_leaves=7, n_jobs=1, verbose=-1, **words
    )


def cat(**words):
    return catboost.CatBoostClassifier(
        iterations=60,
        depth=3,
        learning_rate=0.1,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
        **words,
    )


def resampled(estimator, resampler, **words):
    return ResampledClassifier(estimator, resampler, calibration_check=False, **words)


def ratio(model, positive=1):
    """Predict fresh rows; give mean p over prevalence.

    About 580 positives are trained on, so its standard error is near 0.042: tests
    allow 3.5 of these.
    """
    X, y = rows(20_000, 9)
    place = model.classes_.tolist().index(positive)
    return model.predict_proba(X)[:, place].mean() / y.mean()


@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("resampler", [UNIFORM, GUIDED], ids=["uniform", "guided"])
@pytest.mark.parametrize("nested", [False, True])
def test_every_pipeline_gives_its_model_the_weights(evaluated, resampler, nested):
    X, y = rows(6000, 0)
    weights = np.where(X[:, 2] > 0, 3.0, 1.0)
    fit_params = {}
    if evaluated:
        fit_params = dict(zip(("eval_X", "eval_y"), rows(2000, 1), strict=True))
    found = []
    for kind in (StockPipeline, Pipeline):
        steps = kind([("scale", StandardScaler()), ("trees", trees())])
        if nested:
            steps = kind([("first", StandardScaler()), ("rest", steps)])
        model = resampled(steps, resampler, use_weights=False)
        model.fit(X, y, sample_weight=weights, **fit_params)
        last = model.estimator_.steps[-1][1]
        booster = (last.steps[-1][1] if nested else last).booster_
        root = booster.dump_model()["tree_info"][0]["tree_structure"]
        found.append(root["internal_weight"])
    # The sum of the weighted second derivatives; scaled rows are the same rows.
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    # By hand: weights of the rows drawn times p (1 - p) where training starts.
    drawn = model.resampler_.sample_indices_
    if resampler is UNIFORM:
        p = np.average(y[drawn], weights=weights[drawn])
        by_hand = weights[drawn].sum() * p * (1 - p)
        assert found[0] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("resampler", [UNIFORM, GUIDED], ids=["uniform", "guided"])
@pytest.mark.parametrize("evaluated", [False, True])
def test_classes_in_another_order(resampler, evaluated):
    X, y = rows(8000, 0)
    fit_params = {"eval_set": rows(4000, 1)} if evaluated else {}
    model = resampled(cat(class_names=(1, 0)), resampler).fit(X, y, **fit_params)
    assert model.classes_.tolist() == [1, 0]
    assert ratio(model) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("make", [trees, cat])
def test_a_model_trained_further_is_corrected_outside(make):
    X, y = rows(8000, 0)
    first = make().fit(X, y)
    model = resampled(make(), GUIDED).fit(X, y, init_model=first)
    assert model.decision_.correction == "row by row"
    assert ratio(model) == pytest.approx(1, abs=0.15)


def test_rows_dropped_of_a_dask_collection_are_not_there():
    X, y = (da.from_array(each, chunks=500) for each in rows(1000, 0))
    model = resampled(trees(), UNIFORM)
    with pytest.raises(ValueError, match="needs data in memory: of Dask"):
        model.fit(X, y, eval_set="dropped")


X_EVAL, Y_EVAL = rows(100, 1)


@pytest.mark.parametrize(
    ("fit_params", "match"),
    [
        (
            {"eval_set": "dropped", "eval_sample_weight": [np.ones(3)]},
            'eval_sample_weight must not be given beside eval_set="dropped"',
        ),
        (
            {"eval_X": X_EVAL, "eval_y": Y_EVAL, "eval_init_score": [np.ones(3)]},
            r"eval_init_score must hold a value for each row .* \[100\] rows; got "
            r"shape \(3,\)",
        ),
        (
            {
                "eval_X": (X_EVAL, X_EVAL),
                "eval_y": (Y_EVAL, Y_EVAL),
                "eval_sample_weight": [np.ones(100)],
            },
            "eval_sample_weight must be a list with an array for each eval set",
        ),
        (
            {"eval_X": X_EVAL, "eval_y": Y_EVAL, "eval_sample_weight": np.ones(100)},
            "eval_sample_weight must be a list .* got ndarray",
        ),
    ],
)
def test_values_of_eval_rows_must_fit_them(fit_params, match):
    X, y = rows(1000, 0)
    model = resampled(trees(), UNIFORM)
    with pytest.raises(ValueError, match=match):
        model.fit(X, y, **fit_params)


def test_the_focal_classifier_drops_no_rows():
    X, y = rows(500, 0)
    model = FocalLossClassifier(trees())
    with pytest.raises(ValueError, match="must hold pairs of rows and their labels"):
        model.fit(X, y, eval_set="dropped")
