"""Fit parameters reach the boosting libraries, and what they learn of them."""

import threading
from pathlib import Path

import numpy as np
import pytest
import sklearn
from scipy.special import expit
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    Pipeline,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)

# How well so few trees are calibrated is not the matter here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]

N_ROWS = 1200


def generated(n_rows=N_ROWS, seed=0, labels=(0, 1)):
    """Rows with their number as first column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    y = (rng.random(n_rows) < expit(X @ [0, 1.5, 0.8, -0.8] - 2)).astype(int)
    X[:, 0] = np.arange(n_rows)
    return X, np.array(labels)[y]


def down(**params):
    return DownsampleUpweight(**{"factor": 3, "random_state": 0, **params})


def guided():
    pilot = make_stock_pipeline(StandardScaler(), LogisticRegression())
    return GuidedDownsample(pilot, factor=3, random_state=0)


def wrapped(estimator, resampler=None, **params):
    params = {"calibration_check": False, **params}
    return ResampledClassifier(estimator, resampler or down(), **params)


RESAMPLERS = {"down": down(), "guided": guided()}
LABELS = {"codes": [0, 1], "bool": [False, True], "text": ["no", "yes"], "1, 2": [1, 2]}
CASES = [
    ("lightgbm", "text", "alone", "down"),
    ("lightgbm", "1, 2", "pipeline", "guided"),
    ("lightgbm", "bool", "ensemble", "guided"),
    ("xgboost", "codes", "pipeline", "guided"),
    ("xgboost", "bool", "alone", "down"),
    ("xgboost", "codes", "ensemble", "down"),
    ("catboost", "text", "pipeline", "guided"),
    ("catboost", "bool", "alone", "guided"),
    ("catboost", "1, 2", "ensemble", "guided"),
]


@pytest.mark.parametrize(("library", "labels", "host", "resampler"), CASES)
def test_eval_sets_reach_every_library_in_every_host(
    trees, evaluated, eval_losses, library, labels, host, resampler
):
    X, y = generated(labels=LABELS[labels])
    X_val, y_val = generated(seed=1, labels=LABELS[labels])
    before = X_val.copy(), y_val.copy()
    model = trees(library)
    if host == "pipeline":
        model = make_stock_pipeline(StandardScaler(), model)
    model = wrapped(model, RESAMPLERS[resampler])
    if host == "ensemble":
        model = ResampledEnsembleClassifier(
            model.estimator, model.resampler, n_estimators=2, random_state=0
        )
    model.fit(X, y, **evaluated(library, X_val, y_val))
    for each in getattr(model, "estimators_", [model]):
        curve = eval_losses(each.estimator_)
        assert len(curve) == 8
        expected = log_loss(y_val, each.predict_proba(X_val))
        assert curve[-1] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(model.classes_, np.unique(LABELS[labels]))
    np.testing.assert_array_equal(X_val, before[0])
    np.testing.assert_array_equal(y_val, before[1])


START = {"lightgbm": "init_score", "xgboost": "base_margin", "catboost": "baseline"}


@pytest.mark.parametrize("library", START)
def test_scores_of_the_user_follow_the_rows(trees, library):
    X, y = generated()
    start, zeros = 0.5 * X[:, 1], np.arange(N_ROWS) % 3
    given = {START[library]: start}
    model = wrapped(trees(library), prior_correction=False)
    model.fit(X, y, sample_weight=zeros, **given)
    # Rows of zero weight are not there.
    there = zeros > 0
    X_kept, y_kept, _ = down().fit_resample(X[there], y[there])
    rows = X_kept[:, 0].astype(int)
    # The weights that came in, and not those of the resampler.
    own = trees(library).fit(
        X_kept, y_kept, sample_weight=zeros[rows], **{START[library]: start[rows]}
    )
    np.testing.assert_allclose(model.predict_proba(X), own.predict_proba(X), atol=1e-9)
    # Rows start from one score, so that of guided rows stays outside.
    taken = wrapped(trees(library), guided()).fit(X, y, **given)
    assert taken.decision_.correction == "row by row"


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_scores_of_the_user_and_the_correction_add_up(trees, eval_losses, library):
    X, y = generated()
    X_val, y_val = generated(seed=1)
    names = {"lightgbm": "eval_init_score", "xgboost": "base_margin_eval_set"}
    start = {START[library]: 0.5 * X[:, 1]}
    params = {names[library]: [0.5 * X_val[:, 1]], "eval_set": [(X_val, y_val)]}
    params |= {"verbose": False} if library == "xgboost" else {}
    model = wrapped(trees(library)).fit(X, y, **start, **params)
    plain = wrapped(trees(library), prior_correction=False).fit(X, y, **start)
    if library == "xgboost":
        matrix = xgboost_matrix(X_val, 0.5 * X_val[:, 1])
        scores = plain.estimator_.get_booster().predict(matrix, output_margin=True)
    else:
        scores = plain.estimator_.predict(X_val, raw_score=True) + 0.5 * X_val[:, 1]
    kept = model.decision_.rows_trained
    odds = kept[0] / (y == 0).sum() * np.exp(scores)
    expected = log_loss(y_val, odds / (1 + odds))
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)


def xgboost_matrix(X, margin):
    return pytest.importorskip("xgboost").DMatrix(X, base_margin=margin)


@pytest.mark.parametrize("labels", ["text", "1, 2"])
def test_histogram_boosting_gets_its_eval_set(trees, evaluated, eval_losses, labels):
    X, y = generated(labels=LABELS[labels])
    X_val, y_val = generated(seed=1, labels=LABELS[labels])
    model = wrapped(make_stock_pipeline(StandardScaler(), trees("histogram")))
    model.fit(X, y, **evaluated("histogram", X_val, y_val))
    # Rows of the big class were cut to a third, so they count a third here.
    weight = np.where(y_val == model.classes_[0], 1 / 3, 1)
    p = model.estimator_.predict_proba(X_val)
    curve = eval_losses(model.estimator_)
    assert len(curve) == 8
    expected = log_loss(y_val, p, sample_weight=weight)
    assert curve[-1] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("form", "resampler"), [("pool", "down"), ("pools", "guided"), ("both", "down")]
)
def test_pools_of_catboost_are_eval_sets_and_stay_as_they_are(
    trees, eval_losses, form, resampler
):
    catboost = pytest.importorskip("catboost")
    pandas = pytest.importorskip("pandas")

    def frame(seed):
        X, y = generated(seed=seed)
        X = pandas.DataFrame(X, columns=list("abcd"))
        X["b"] = np.digitize(X["b"], [-1, 0, 1])
        return X, pandas.Series(y)

    (X, y), (X_val, y_val) = frame(0), frame(1)
    weight = np.random.default_rng(2).uniform(1, 2, N_ROWS)
    pool = catboost.Pool(X_val, y_val, weight=weight, cat_features=["b"])
    sets = {"pool": pool, "pools": [pool], "both": [(X_val, y_val), pool]}[form]
    model = wrapped(trees("catboost"), RESAMPLERS[resampler])
    model.fit(X, y, eval_set=sets, cat_features=["b"], use_best_model=False)
    assert model.estimator_.get_cat_feature_indices() == [1]
    if resampler == "guided":
        p = model.predict_proba(X_val)
        expected = log_loss(y_val, p, sample_weight=weight)
        assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(pool.get_weight(), np.float32(weight))
    assert pool.get_baseline().size == 0
    np.testing.assert_array_equal(pool.get_label(), y_val)


def test_what_cannot_be_corrected_of_catboost_is_refused(trees):
    catboost = pytest.importorskip("catboost")
    X, y = generated()
    pool = catboost.Pool(X, y)
    model = wrapped(make_stock_pipeline(StandardScaler(), trees("catboost")))
    with pytest.raises(ValueError, match=r"got Pool. Give X and y, for the steps"):
        model.fit(X, y, eval_set=pool)
    with pytest.raises(ValueError, match=r"got \w*Path. Read the file, and give"):
        model.fit(X, y, eval_set=Path("rows.tsv"))
    outside = wrapped(trees("catboost"), guided(), prior_correction="outside")
    with pytest.raises(ValueError, match=r"got Pool. Give X and y, because the corr"):
        outside.fit(X, y, eval_set=pool)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_frames_keep_their_categories(trees, evaluated, eval_losses, library):
    pandas = pytest.importorskip("pandas")

    def frame(seed):
        X, y = generated(seed=seed)
        place = pandas.cut(X[:, 1], [-9, -1, 0, 1, 9], labels=list("dbca"))
        return pandas.DataFrame({"place": place, "size": X[:, 2]}), pandas.Series(y)

    own = {"enable_categorical": True} if library == "xgboost" else {}
    (X, y), (X_val, y_val) = frame(0), frame(1)
    model = wrapped(trees(library, **own)).fit(X, y, **evaluated(library, X_val, y_val))
    expected = log_loss(y_val, model.predict_proba(X_val))
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)


class Counter:
    """Counts its calls; with a lock it cannot be copied."""

    def __init__(self, lock=None):
        self.calls, self.lock = 0, lock

    def __call__(self, env):
        self.calls += 1


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.parametrize("host", ["alone", "pipeline"])
def test_callbacks_and_columns_reach_lightgbm(trees, evaluated, eval_losses, host):
    lightgbm = pytest.importorskip("lightgbm")
    X, y = generated()
    X[:, 3] = np.arange(N_ROWS) % 5
    X_val, y_val = generated(300, seed=1)
    estimator = trees("lightgbm")
    if host == "pipeline":
        # It leaves categories as they are.
        estimator = make_stock_pipeline(FunctionTransformer(), estimator)
    record, counter = {}, Counter()
    model = wrapped(estimator, calibration_check="cv").fit(
        X,
        y,
        callbacks=[lightgbm.record_evaluation(record), counter],
        feature_name=list("abcd"),
        categorical_feature=[3],
        **evaluated("lightgbm", X_val, y_val),
    )
    # The check makes three fits more, which leave nothing here.
    assert counter.calls == 8
    ((losses,),) = (each.values() for each in record.values())
    np.testing.assert_array_equal(losses, eval_losses(model.estimator_))
    fitted = model.estimator_[-1] if host == "pipeline" else model.estimator_
    dump = fitted.booster_.dump_model()
    assert dump["feature_names"] == list("abcd")
    # Only of categories it lists the values.
    assert len(dump["feature_infos"]["d"]["values"]) > 1


def test_a_callback_that_cannot_be_copied_asks_for_no_further_fits(trees):
    pytest.importorskip("lightgbm")
    X, y = generated()
    counter = Counter(threading.Lock())
    model = wrapped(trees("lightgbm"), calibration_check=True)
    model.fit(X, y, callbacks=[counter])
    assert counter.calls == 8
    assert model.decision_.check.in_training
    model.calibration_check = "cv"
    with pytest.raises(ValueError, match=r"callbacks must .*Counter.*Set it to True"):
        model.fit(X, y, callbacks=[counter])


def test_verbose_reaches_xgboost_and_catboost(trees, evaluated, capsys):
    X, y = generated()
    word = {"xgboost": "validation_0-logloss", "catboost": "test: "}
    for library in word:
        params = evaluated(library, X, y)
        for verbose in (False, True):
            wrapped(trees(library)).fit(X, y, **params | {"verbose": verbose})
            lines = capsys.readouterr().out.splitlines()
            assert sum(word[library] in line for line in lines) == 8 * verbose


HOSTS = {
    "alone": lambda model: model,
    "pipeline": lambda model: Pipeline(
        [("scale", StandardScaler()), ("model", model)], transform_input=["eval_X"]
    ),
    "search": lambda model: GridSearchCV(model, {"resampler__factor": [2]}, cv=2),
}


@pytest.mark.parametrize("inside", ["alone", "pipeline"])
@pytest.mark.parametrize("host", HOSTS)
def test_routing_brings_an_eval_set_to_the_library(
    trees, evaluated, eval_losses, host, inside
):
    X, y = generated()
    X_val, y_val = generated(300, seed=1)
    params = evaluated("lightgbm", X_val, y_val)
    if "eval_X" not in params:
        pytest.skip("eval_X came with LightGBM 4.7")
    resampler = {"alone": down(), "pipeline": guided()}[inside]
    weight = np.arange(N_ROWS) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        inner = trees("lightgbm").set_fit_request(eval_X=True, eval_y=True)
        if inside == "pipeline":
            scale = StandardScaler().set_fit_request(sample_weight=True)
            inner = make_stock_pipeline(scale, inner)
        model = wrapped(inner, resampler).set_score_request(sample_weight=True)
        model = HOSTS[host](model)
        (fitted,) = cross_validate(
            model,
            X,
            y,
            cv=[(np.arange(800), np.arange(800, N_ROWS))],
            params={**params, "sample_weight": weight},
            return_estimator=True,
            error_score="raise",
        )["estimator"]
    classifier = {
        "search": lambda: fitted.best_estimator_,
        "pipeline": lambda: fitted[-1],
    }
    classifier = classifier.get(host, lambda: fitted)()
    expected = log_loss(y_val, fitted.predict_proba(X_val))
    assert eval_losses(classifier.estimator_)[-1] == pytest.approx(expected, abs=1e-6)
    assert classifier.original_prior_.sum() == weight[:800].sum()


def test_with_routing_fit_parameters_are_requested(trees, evaluated):
    pytest.importorskip("lightgbm")
    X, y = generated()
    unasked = wrapped(trees("lightgbm"))
    with sklearn.config_context(enable_metadata_routing=True):
        # What is asked of the classifier itself needs no request.
        for inner in (
            trees("lightgbm"),
            make_stock_pipeline(StandardScaler(), trees("lightgbm")),
        ):
            wrapped(inner).fit(X, y, eval_set="dropped")
        for model in (
            unasked,
            ResampledEnsembleClassifier(unasked.estimator, down(), n_estimators=1),
        ):
            with pytest.raises(UnsetMetadataPassedError, match="not explicitly set"):
                model.fit(X, y, **evaluated("lightgbm", X, y))


def test_catboost_requests_nothing_and_gets_all(trees, evaluated, eval_losses):
    pytest.importorskip("catboost")
    X, y = generated()
    X_val, y_val = generated(300, seed=1)
    with sklearn.config_context(enable_metadata_routing=True):
        model = wrapped(trees("catboost"), guided())
        model.fit(X, y, **evaluated("catboost", X_val, y_val))
    expected = log_loss(y_val, model.predict_proba(X_val))
    assert eval_losses(model.estimator_)[-1] == pytest.approx(expected, abs=1e-6)
