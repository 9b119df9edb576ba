"""Whether each pair of a sampler and a learner is calibrated, or gives a message.

Every pair that there can be of a way, a sampler and a learner is in some combination.
Each is fitted on 4,000 rows, 4 % of them positive, and predicts 10,000 new ones. It is
calibrated where mean p / prevalence is 0.8 to 1.25. Else it is refused, warned of, or
"silent", without a message. The cause is known where a parameter or a class changes the
prior or the class totals. Goal: no combination with a known cause is silent.

    python benchmarks/promise.py
"""

import warnings
from functools import partial
from inspect import signature
from itertools import product

import harness
import numpy as np
import pandas as pd
import sklearn
from catboost import CatBoostClassifier
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.utils.testing import all_estimators as imblearn_estimators
from lightgbm import LGBMClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators
from xgboost import XGBClassifier

import skstrat
from skstrat import ResampledClassifier

LEAST, MOST, PREVALENCE = 0.8, 1.25, 0.04
VERDICTS = "calibrated", "refused", "warned", "silent"
CLASSES = dict(all_estimators() + imblearn_estimators())
CLASSES |= {name: getattr(skstrat, name) for name in skstrat.__all__}


def make(name, *parts, **words):
    """Make an estimator, with a fixed seed; "Classifier" in its name may be left out.

    What follows a comma is the parameter that the estimator differs in.
    """
    name = name.partition(", ")[0]
    made = CLASSES.get(name) or CLASSES[f"{name}Classifier"]
    if "random_state" in signature(made).parameters:
        words = {"random_state": 0, **words}
    return made(*parts, **words)


balanced, observed = {"class_weight": "balanced"}, [1 - PREVALENCE, PREVALENCE]
heavy = {"class_weight": {0: 1.0, 1: 1 / PREVALENCE - 1}, "min_samples_leaf": 10}
boosting = {"n_estimators": 30, "max_depth": 3, "n_jobs": 1, "random_state": 0}
catboost = {"iterations": 30, "depth": 3, "thread_count": 1}
quiet = {"verbose": False, "allow_writing_files": False}
CLASSES |= {
    "15 neighbours": partial(CLASSES["KNeighborsClassifier"], 15),
    "LightGBM": partial(LGBMClassifier, **boosting, reg_lambda=10, verbose=-1),
    "XGBoost": partial(XGBClassifier, **boosting, reg_lambda=10),
    "CatBoost": partial(CatBoostClassifier, **catboost, **quiet),
}
LEARNERS = {
    "LogisticRegression": {},
    "LogisticRegression, class_weight": balanced,
    "SGDClassifier": {"loss": "log_loss", "average": True},
    "LinearDiscriminantAnalysis": {},
    "LinearDiscriminantAnalysis, priors": {"priors": observed},
    "QuadraticDiscriminantAnalysis, priors": {"priors": [0.5, 0.5]},
    "GaussianNB": {},
    "GaussianNB, priors": {"priors": observed},
    "BernoulliNB, fit_prior": {"fit_prior": False},
    "BernoulliNB, class_prior": {"class_prior": [0.5, 0.5]},
    "15 neighbours": {},
    "DecisionTree": {},
    "DecisionTree, leaves of 20": {"min_samples_leaf": 20},
    "RandomForest": {"n_estimators": 30},
    "RandomForest, class_weight": {"n_estimators": 30, **heavy},
    "ExtraTrees": {"n_estimators": 30, "min_samples_leaf": 5},
    "HistGradientBoosting": {"max_iter": 30, "l2_regularization": 10},
    "HistGradientBoosting, class_weight": {"max_iter": 30, **balanced},
    "GradientBoosting": {"n_estimators": 30},
    "AdaBoost": {"n_estimators": 20},
    "MLP": {"hidden_layer_sizes": (8,), "max_iter": 500, "tol": 1e-3},
    "LightGBM": {},
    "LightGBM, scale_pos_weight": {"scale_pos_weight": 24},
    "LightGBM, is_unbalance": {"is_unbalance": True},
    "XGBoost": {},
    "XGBoost, scale_pos_weight": {"scale_pos_weight": 24},
    "CatBoost": {},
    "CatBoost, auto_class_weights": {"auto_class_weights": "Balanced"},
    "CatBoost, class_weights": {"class_weights": (1, 24)},
    "BalancedRandomForest": {"n_estimators": 20},
    "BalancedBagging": {"n_estimators": 5},
    "EasyEnsemble": {"n_estimators": 3},
    "RUSBoost": {"n_estimators": 5},
}
# What a message must name where a class is the cause, and the name is not its own.
CAUSES = {
    "a pipeline that resamples": "RandomUnderSampler",
    "FrozenEstimator": "PriorCorrectedClassifier",
}
LEARNERS = {name: make(name, **words) for name, words in LEARNERS.items()}
line, under = LogisticRegression(), make("RandomUnderSampler")
LEARNERS |= {
    "a pipeline that resamples": make_imblearn_pipeline(under, make("GaussianNB")),
    "FixedThreshold": make("FixedThresholdClassifier", line, threshold=0.1),
    "TunedThreshold": make("TunedThresholdClassifierCV", line),
    "FrozenEstimator": FrozenEstimator(
        sklearn.clone(line).fit(np.eye(4), [0, 0, 1, 1])
    ),
}


def strata(X, y):  # noqa: ARG001
    """Return whether the first column is positive."""
    return np.asarray(X)[:, 0] > 0


down, over = make("DownsampleUpweight", factor=4), make("RandomOversample")
over.set_params(sampling_strategy=0.5)
SAMPLERS = {
    "None": None,
    "DownsampleUpweight": make("DownsampleUpweight", factor=10),
    "DownsampleUpweight, strata": make("DownsampleUpweight", factor=10, strata=strata),
    "RandomOversample": make("RandomOversample"),
    "CombinedResample": make("CombinedResample"),
    "GuidedDownsample": make("GuidedDownsample", factor=10),
    "Weighted(RandomUnderSampler)": skstrat.Weighted(under),
    "Pipeline of resamplers": skstrat.Pipeline([("down", down), ("over", over)]),
    "RandomUnderSampler": under,
    "NearMiss": make("NearMiss", sampling_strategy=0.2),
    "RandomOverSampler": make("RandomOverSampler"),
    "SMOTE": make("SMOTE"),
    "SMOTEENN": make("SMOTEENN"),
    "TomekLinks": make("TomekLinks"),
    "ClusterCentroids": make("ClusterCentroids", sampling_strategy=0.5),
}


def steps(learner, sampler, *before):
    """Put the sampler before the learner in a pipeline."""
    named = ("sampler", sampler or "passthrough"), ("learner", learner)
    return skstrat.Pipeline([*before, *named])


def inside(wrap):
    """Resample for another estimator, with the learner inside."""
    return lambda learner, sampler: ResampledClassifier(wrap(learner), sampler)


def around(wrap):
    """Put another estimator around."""
    return lambda learner, sampler: wrap(ResampledClassifier(learner, sampler))


folds = StratifiedKFold(3, shuffle=True, random_state=0)
search = partial(GridSearchCV, cv=folds)
scaled = partial(make_pipeline, StandardScaler())
online = partial(make, "PartialFitClassifier", epochs=20)
ensemble = partial(make, "ResampledEnsembleClassifier", n_estimators=3)
vote = partial(make, "VotingClassifier", voting="soft")
tuned = partial(make, "TunedThresholdClassifierCV", cv=0.5, refit=True)
PLAIN = "to_sklearn", "a frame", "incoming weights", "metadata routing", "Dask"
WAYS = {
    "ResampledClassifier": ResampledClassifier,
    "ResampledEnsembleClassifier": ensemble,
    "Pipeline": steps,
    "Pipeline, scaled": lambda *both: steps(*both, ("scale", StandardScaler())),
    "a pipeline inside": inside(scaled),
    "a search inside": inside(partial(search, param_grid={})),
    "a vote inside": inside(lambda own: vote([("own", own), ("line", line)])),
    "a search around": around(partial(search, param_grid={"use_weights": ["auto"]})),
    "a calibrator around": around(partial(CLASSES["CalibratedClassifierCV"], cv=folds)),
    "a threshold around": around(tuned),
    "a pipeline around": around(scaled),
    **dict.fromkeys(PLAIN, ResampledClassifier),
    "PartialFitClassifier": lambda learner, _: online(learner),
}


def applies(way, sampler, learner):
    """Return whether such a combination is possible."""
    if way == "PartialFitClassifier":
        return sampler == "None" and hasattr(LEARNERS[learner], "partial_fit")
    drawn = hasattr(SAMPLERS[sampler], "random_state")
    return way != "ResampledEnsembleClassifier" or drawn


def pairs(way, sampler, learner):
    """Return the pairs of a combination."""
    return {(0, way, learner), (1, way, sampler), (2, sampler, learner)}


def combinations():
    """Choose combinations so that all pairs occur, with a fixed seed."""
    rng, chosen = np.random.default_rng(0), []
    possible = [each for each in product(WAYS, SAMPLERS, LEARNERS) if applies(*each)]
    missing = set().union(*(pairs(*each) for each in possible))
    while missing:
        first = min(missing)
        fitting = [each for each in possible if first in pairs(*each)]
        gains = [len(missing & pairs(*each)) for each in fitting]
        best = [each for each, n in zip(fitting, gains, strict=True) if n == max(gains)]
        chosen.append(best[rng.integers(len(best))])
        missing -= pairs(*chosen[-1])
    return sorted(chosen)


def make_data(n_rows, seed):
    """Draw two normal classes, for which linear models and naive Bayes are right."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) < PREVALENCE * n_rows).astype(int)
    return rng.normal(size=(n_rows, 4)) + 0.9 * y[:, np.newaxis], y


def cause_of(way, sampler, learner):
    """Name what changes the prior, or for samplers without weights the remedy."""
    model, parameter = LEARNERS[learner], learner.partition(", ")[2]
    if parameter in model.get_params():
        return parameter
    if type(model).__module__.startswith(("imblearn.ens", "sklearn.model_selection")):
        return type(model).__name__
    weightless = type(SAMPLERS[sampler]).__module__.startswith("imblearn")
    changes = weightless and sampler != "TomekLinks" and way.startswith("Pipeline")
    return CAUSES.get(learner, "Weighted" if changes else None)


def mean_ratio(way, sampler, learner):
    """Fit a combination, and divide the mean prediction of new rows by their y."""
    (X, y), (X_new, y_new) = make_data(4000, 0), make_data(10_000, 1)
    model = WAYS[way](sklearn.clone(LEARNERS[learner]), SAMPLERS[sampler])
    words, weights = {}, None
    if way == "Dask":
        from dask import array

        X, y = array.from_array(X, (1000, 4)), array.from_array(y, 1000)
    if way == "a frame":
        X, X_new = (pd.DataFrame(each, columns=list("abcd")) for each in (X, X_new))
        y = pd.Series(y)
    if way == "incoming weights":
        weights = 1.0 + y_new
        words = {"sample_weight": (1 + y) * np.tile([0.5, 1.5], len(y) // 2)}
    if way == "metadata routing":
        words = {"sample_weight": np.ones(len(y))}
    with sklearn.config_context(enable_metadata_routing=way == "metadata routing"):
        model.fit(X, y, **words)
        if way == "to_sklearn":
            model = model.to_sklearn()
        p = model.predict_proba(X_new)[:, 1]
    return np.average(p, weights=weights) / np.average(y_new, weights=weights)


def judge(*combination):
    """Return the verdict on a combination, mean p / prevalence, and the messages."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ratio = mean_ratio(*combination)
        except (NotImplementedError, TypeError, ValueError) as error:
            return "refused", None, str(error)
    ours = [each for each in caught if each.category.__module__.startswith("skstrat")]
    said = " ".join(str(each.message) for each in ours)
    if LEAST <= ratio <= MOST:
        return "calibrated", ratio, said
    return "warned" if said else "silent", ratio, said


def measure(arguments):
    """Count the verdicts of each way, and list combinations without a message."""
    counts = {way: dict.fromkeys(VERDICTS, 0) for way in (*sorted(WAYS), "known cause")}
    silent, missed = [], []
    for each in combinations()[:: 200 if arguments.quick else 1]:
        if arguments.only not in each[0]:
            continue
        verdict, ratio, _ = judge(*each)
        cause = cause_of(*each)
        for key in (each[0], "known cause") if cause else each[:1]:
            counts[key][verdict] += 1
        if verdict == "silent":
            silent.append(f"{' / '.join(each)}: {ratio:.3g}")
            missed += silent[-1:] if cause else []
    parts = {"learners": len(LEARNERS), "samplers": len(SAMPLERS), "ways": len(WAYS)}
    return {**parts, "counts": counts, "silent": silent, "missed": missed}


def report(document):
    """Write the counts, and the combinations without a message."""
    counts = dict(document["counts"])
    known = counts.pop("known cause")
    total = {key: sum(own[key] for own in counts.values()) for key in VERDICTS}
    counts |= {"all": total, "all with a known cause": known}
    rows = [(way, *own.values()) for way, own in counts.items()]
    n = sum(total.values())
    silent = "\n".join(f"- {each}" for each in document["silent"])
    return (
        "{learners} learners, {samplers} samplers and {ways} ways to combine them; "
        "every pair of these is in some combination.".format_map(document)
        + f" Counts of {n} combinations:\n\n{harness.table(('way', *VERDICTS), rows)}"
        "\n\nSilent combinations are off without a message. Their mean p / prevalence, "
        f"by way, sampler and learner:\n\n{silent}"
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=1, uses=("lightgbm", "xgboost", "catboost"))
