"""What the estimator says of its columns, and predicts, through the correction."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
)
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
)

# How well these models are calibrated is not the matter here.
pytestmark = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")

INFORMATIVE = [1, 4]


def rows(n_rows=4000, n_classes=2, seed=0, labels=None):
    """Six columns, two of which tell the classes apart."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    scores = np.zeros((n_rows, n_classes))
    scores[:, 0] = 4
    scores[:, 1] += 2 * X[:, 1]
    scores[:, -1] += 2 * X[:, 4]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    codes = (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return X, codes if labels is None else np.array(labels)[codes]


def down():
    return DownsampleUpweight(factor=5, random_state=0)


def resampled(estimator, **params):
    params = {"use_weights": False, "calibration_check": False} | params
    return ResampledClassifier(estimator, down(), **params)


def log_loss_sgd(**params):
    return SGDClassifier(
        random_state=0, **({"loss": "log_loss", "alpha": 0.1} | params)
    )


LINEAR = {
    "logistic": LogisticRegression(),
    "no intercept": LogisticRegression(fit_intercept=False),
    "discriminant": LinearDiscriminantAnalysis(),
    "sgd": log_loss_sgd(),
    "nested": ResampledClassifier(LogisticRegression(), use_weights=False),
}


# One class against the rest, as with three of SGD, is not log-linear.
@pytest.mark.parametrize(
    ("name", "n_classes"),
    [(name, 2) for name in LINEAR] + [(name, 3) for name in LINEAR if name != "sgd"],
)
def test_the_intercept_makes_the_log_probabilities(name, n_classes):
    X, y = rows(n_classes=n_classes)
    model = resampled(LINEAR[name]).fit(X, y)
    scores = X @ model.coef_.T + model.intercept_
    if n_classes == 2:
        scores = np.column_stack([np.zeros(len(X)), scores])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-9, atol=1e-13)
    plain = model.to_sklearn()
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.intercept_, plain.intercept_)
    moved = model.intercept_ - model.estimator_.intercept_
    ratio = np.log(model.target_prior_ / model.train_prior_)
    by_hand = ratio[1:] - ratio[0] if n_classes == 2 else ratio - ratio[0]
    np.testing.assert_allclose(moved, by_hand, rtol=1e-9)
    assert np.abs(moved).max() > 1


def test_without_a_correction_it_is_the_estimators_own():
    X, y = rows()
    for model in (
        resampled(LogisticRegression(), use_weights=True),
        resampled(LogisticRegression(), prior_correction=False),
        resampled(RidgeClassifier(), use_weights=True),
        resampled(LinearSVC(), use_weights=True),
        ResampledClassifier(LogisticRegression()),
    ):
        model.fit(X, y)
        assert model.intercept_ is model.estimator_.intercept_
        assert model.coef_ is model.estimator_.coef_


def test_other_classifiers_with_a_correction():
    X, y = rows()
    inner = LogisticRegression().fit(X, y)
    priors = {"train_prior": [1, 1], "target_prior": [9, 1]}
    for estimator in (inner, FrozenEstimator(inner)):
        for classes in (None, ["no", "yes"]):
            model = PriorCorrectedClassifier(estimator, **priors, classes=classes)
            np.testing.assert_array_equal(model.coef_, inner.coef_)
            moved = model.intercept_ - inner.intercept_
            np.testing.assert_allclose(moved, -np.log(9), rtol=1e-12)
    model = PartialFitClassifier(
        log_loss_sgd(), epochs=1, use_weights=False, random_state=0
    ).fit(X, y)
    log_odds = X @ model.coef_[0] + model.intercept_
    np.testing.assert_allclose(model.decision_function(X), log_odds, rtol=1e-9)
    assert np.abs(model.intercept_ - model.estimator_.intercept_) > 1


# scikit-learn 1.9 warns of the parameter.
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
@pytest.mark.parametrize(
    ("estimator", "n_classes"),
    [
        (log_loss_sgd(), 3),
        (log_loss_sgd(loss="modified_huber"), 2),
        (SVC(kernel="linear", probability=True, random_state=0), 2),
    ],
    ids=["one against the rest", "huber", "Platt"],
)
def test_an_intercept_that_cannot_take_the_correction(estimator, n_classes):
    X, y = rows(600, n_classes)
    model = resampled(estimator).fit(X, y)
    np.testing.assert_array_equal(model.coef_, model.estimator_.coef_)
    name = type(estimator).__name__
    with pytest.raises(AttributeError, match=f"log probabilities of {name} are not"):
        model.intercept_  # noqa: B018
    assert not hasattr(model, "intercept_")


TREES = {
    "forest": RandomForestClassifier(10, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
}


@pytest.mark.parametrize("name", TREES)
def test_importances_are_those_of_the_trees(name):
    X, y = rows()
    model = resampled(TREES[name])
    model.fit(X, y)
    own = model.estimator_.feature_importances_
    np.testing.assert_array_equal(model.feature_importances_, own)
    assert not hasattr(model, "coef_")
    with pytest.raises(AttributeError, match=f"'{type(TREES[name]).__name__}' object"):
        model.intercept_  # noqa: B018


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "catboost"])
def test_importances_of_other_libraries(library):
    module = pytest.importorskip(library)
    estimator = {
        "lightgbm": lambda: module.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1),
        "xgboost": lambda: module.XGBClassifier(n_estimators=5, n_jobs=1),
        "catboost": lambda: module.CatBoostClassifier(
            iterations=5, verbose=False, allow_writing_files=False, thread_count=1
        ),
    }[library]()
    X, y = rows()
    selector = RFE(resampled(estimator), n_features_to_select=2).fit(X, y)
    assert np.flatnonzero(selector.support_).tolist() == INFORMATIVE
    model = selector.estimator_
    own = model.estimator_.feature_importances_
    np.testing.assert_array_equal(model.feature_importances_, own)
    # XGBoost has an intercept of its trees, which is where boosting starts from.
    plain = model.to_sklearn()
    assert hasattr(model, "intercept_") == hasattr(plain, "intercept_")
    if library == "xgboost":
        np.testing.assert_array_equal(model.intercept_, plain.intercept_)


def test_what_the_estimator_has_not_is_missing():
    X, y = rows()
    names = ("coef_", "intercept_", "feature_importances_")
    model = resampled(GaussianNB()).fit(X, y)
    pipeline = make_stock_pipeline(StandardScaler(), LogisticRegression())
    for fitted in (model, resampled(pipeline).fit(X, y)):
        for name in names:
            with pytest.raises(
                AttributeError, match=f"object has no attribute '{name}"
            ):
                getattr(fitted, name)
    for unfitted in (
        resampled(LogisticRegression()),
        PartialFitClassifier(log_loss_sgd()),
        PriorCorrectedClassifier(
            LogisticRegression(), train_prior=[1, 1], target_prior=[9, 1]
        ),
    ):
        for name in names:
            assert not hasattr(unfitted, name)
            with pytest.raises(NotFittedError, match="is not fitted yet"):
                getattr(unfitted, name)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (LogisticRegression(), "coef_"),
        (LogisticRegression(), "intercept_"),
        (RandomForestClassifier(10, random_state=0), "feature_importances_"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_correction_by_row_is_part_of_what_a_column_does(estimator, name):
    X, y = rows(10_000)
    guided = GuidedDownsample(LogisticRegression(), factor=10, random_state=0)
    model = ResampledClassifier(
        estimator, guided, use_weights=False, calibration_check=False
    ).fit(X, y)
    with pytest.raises(AttributeError, match=f"{name} is not known: predictions are"):
        getattr(model, name)
    if name != "intercept_":
        # In the rows kept the columns that the pilot knows tell less than in rows of
        # which none is kept for its columns.
        even = DownsampleUpweight(factor=10, random_state=0)
        evenly = clone(model).set_params(resampler=even).fit(X, y)
        kept, others = (
            abs(np.ravel(getattr(each.estimator_, name))[1]) for each in (model, evenly)
        )
        assert kept < others
    weighted = model.set_params(use_weights=True).fit(X, y)
    np.testing.assert_array_equal(
        getattr(weighted, name), getattr(weighted.estimator_, name)
    )


SELECTING = {
    "linear": LogisticRegression(),
    "forest": RandomForestClassifier(10, min_samples_leaf=5, random_state=0),
}
SELECTORS = {
    "RFE": lambda model: RFE(model, n_features_to_select=2, step=2),
    "SelectFromModel": SelectFromModel,
    "at most": lambda model: SelectFromModel(model, max_features=2, threshold=-np.inf),
    "RFECV": lambda model: RFECV(
        model,
        step=2,
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        scoring="neg_log_loss",
        min_features_to_select=2,
    ),
}


@pytest.mark.parametrize("use_weights", ["auto", False])
@pytest.mark.parametrize("labels", [None, ["no", "yes"]], ids=["codes", "text"])
@pytest.mark.parametrize("selecting", SELECTING)
@pytest.mark.parametrize("kind", SELECTORS)
def test_selectors_need_no_getter(kind, selecting, labels, use_weights):
    X, y = rows(labels=labels)
    model = resampled(SELECTING[selecting], use_weights=use_weights)
    selector = SELECTORS[kind](model).fit(X, y)
    assert set(INFORMATIVE) <= set(selector.get_support(indices=True).tolist())
    if kind != "RFECV":
        assert selector.get_support().sum() == 2
    pipeline = make_stock_pipeline(clone(selector), clone(model)).fit(X, y)
    p = pipeline.predict_proba(X)[:, 1]
    # 800 rows are positive, or nearly so many.
    assert 0.85 < p.mean() / (y == model.fit(X, y).classes_[1]).mean() < 1.15


def test_a_fitted_model_selects_too():
    X, y = rows()
    model = resampled(LogisticRegression()).fit(X, y)
    selector = SelectFromModel(model, prefit=True)
    assert selector.transform(X).tolist() == X[:, INFORMATIVE].tolist()


def test_weights_reach_the_model_in_a_selector():
    X, y = rows()
    weights = np.random.default_rng(0).lognormal(size=len(y))
    selector = RFE(resampled(LogisticRegression(), use_weights="auto"), step=4)
    selector.fit(X, y, sample_weight=weights)
    totals = selector.estimator_.target_prior_
    np.testing.assert_allclose(totals, np.bincount(y, weights), rtol=1e-12)
    np.testing.assert_allclose(selector.estimator_.train_prior_, totals, rtol=1e-9)


@pytest.mark.parametrize("guided", [False, True], ids=["plain", "guided"])
def test_permutation_importance(guided):
    X, y = rows(8000)
    sampler = GuidedDownsample(LogisticRegression(), factor=5) if guided else down()
    sampler.set_params(random_state=0)
    model = ResampledClassifier(
        SELECTING["forest"], sampler, use_weights=False, calibration_check=False
    ).fit(X, y)
    found = permutation_importance(
        model, X, y, scoring="neg_log_loss", n_repeats=2, random_state=0
    )
    best = np.argsort(found.importances_mean)[-2:]
    assert set(best.tolist()) == set(INFORMATIVE)


@pytest.mark.parametrize(
    "display",
    [
        RocCurveDisplay,
        PrecisionRecallDisplay,
        CalibrationDisplay,
        ConfusionMatrixDisplay,
    ],
    ids=lambda display: display.__name__,
)
def test_displays(display):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = rows(labels=["no", "yes"])
    model = resampled(LogisticRegression()).fit(X, y)
    if display is CalibrationDisplay:
        shown = display.from_estimator(model, X, y, pos_label="yes", n_bins=5)
        # Five bins of some hundred rows each: what is said is what happens.
        at, seen = shown.prob_pred, shown.prob_true
        np.testing.assert_allclose(at[0], seen[0], atol=0.02)
    else:
        shown = display.from_estimator(model, X, y)
    assert shown.figure_ is not None
    plt.close("all")


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_searches(search):
    X, y = rows()
    grid = {"estimator__C": [1e-4, 1.0], "resampler__factor": [2.0, 5.0]}
    words = {"n_iter": 4, "random_state": 0} if search is RandomizedSearchCV else {}
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    model = resampled(LogisticRegression())
    found = search(model, grid, scoring="neg_log_loss", cv=folds, **words).fit(X, y)
    assert found.best_params_["estimator__C"] == 1.0
    best = found.best_estimator_
    assert best.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.15)


@pytest.mark.slow
def test_stacking_voting_and_thresholds():
    X, y = rows(4000)
    members = [
        ("line", resampled(LogisticRegression())),
        ("forest", resampled(SELECTING["forest"])),
    ]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    for ensemble in (
        StackingClassifier(members, LogisticRegression(), cv=folds),
        VotingClassifier(members, voting="soft"),
    ):
        p = cross_val_predict(ensemble, X, y, cv=folds, method="predict_proba")[:, 1]
        assert 0.85 < p.mean() / y.mean() < 1.15
    tuned = TunedThresholdClassifierCV(members[0][1], scoring="f1", cv=folds).fit(X, y)
    # The rare class is found by a threshold below one half.
    assert tuned.best_threshold_ < 0.5
    assert tuned.predict(X).sum() > members[0][1].fit(X, y).predict(X).sum()


class ColumnOfLabels(DecisionTreeClassifier):
    """Predicts labels in a column, as CatBoost does for three classes."""

    def predict(self, X):
        return super().predict(X).reshape(-1, 1)


def columns_of_labels():
    return ColumnOfLabels(max_depth=3)


def catboost_of_three():
    module = pytest.importorskip("catboost")
    return module.CatBoostClassifier(
        iterations=3, verbose=False, allow_writing_files=False, thread_count=1
    )


@pytest.mark.parametrize("labels", [None, ["b", "a", "c"]], ids=["codes", "text"])
@pytest.mark.parametrize(
    "make", [columns_of_labels, catboost_of_three], ids=["tree", "catboost"]
)
def test_a_column_of_labels_is_a_row_of_them(make, labels):
    X, y = rows(2000, 3, labels=labels)
    own = make().fit(X, y)
    assert own.predict(X).shape == (2000, 1)
    ensemble = ResampledEnsembleClassifier(make(), down(), n_estimators=2)
    models = [
        resampled(make(), use_weights=True),
        resampled(make()),
        resampled(make(), prior_correction=False),
        ResampledClassifier(make()),
        ensemble.set_params(random_state=0),
    ]
    for model in models:
        predicted = model.fit(X, y).predict(X)
        assert predicted.shape == (2000,)
        best = model.classes_[model.predict_proba(X).argmax(axis=1)]
        np.testing.assert_array_equal(predicted, best)
        assert model.score(X, y) > 0.5
    for model in (models[1], ensemble):
        # A booster that is right by itself comes back as it is.
        predicted = np.ravel(model.to_sklearn().predict(X))
        np.testing.assert_array_equal(predicted, model.predict(X))
    for target in ([1, 1, 1], [5, 1, 1]):
        model = PriorCorrectedClassifier(
            own, train_prior=[1, 1, 1], target_prior=target
        )
        assert model.predict(X).shape == (2000,)
