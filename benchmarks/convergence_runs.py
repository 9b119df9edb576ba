"""One training run of ``partial_fit``, evaluated as it goes."""

from itertools import islice

import numpy as np
from convergence_arms import BATCH
from convergence_data import log_loss
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

FRACTIONS = (0.5, 0.2, 0.1, 0.05)
GROWTH = 1.19  # from one evaluation to the next, about four in a doubling


def make_model(kind, schedule, rate, seed):
    """Make an untrained estimator.

    Parameters
    ----------
    kind : {"sgd", "mlp"}
        Which.
    schedule : str
        "constant", "invscaling" with its power, or "adam".
    rate : float
        Learning rate at the start.
    seed : int
        Seed.

    Returns
    -------
    estimator
        With ``partial_fit``.
    """
    if kind == "mlp":
        return MLPClassifier(
            32, learning_rate_init=rate, batch_size=BATCH, random_state=seed
        )
    name, _, power = schedule.partition(" ")
    return SGDClassifier(
        loss="log_loss",
        alpha=1e-8,
        learning_rate=name,
        eta0=rate,
        power_t=float(power or 0.5),
        shuffle=False,
    )


def checkpoints(max_batches):
    """Give the numbers of batches after which to evaluate.

    Parameters
    ----------
    max_batches : int
        The last.

    Returns
    -------
    list of int
        Ascending, about geometric.
    """
    found = [1]
    while found[-1] < max_batches:
        found.append(min(max_batches, max(found[-1] + 1, int(found[-1] * GROWTH))))
    return found


def feed(model, stream, n_batches, data):
    """Train on the next batches of a stream.

    Parameters
    ----------
    model : estimator
        With ``partial_fit``.
    stream : iterator of (rows, weight)
        Batches.
    n_batches : int
        How many.
    data : Data
        The data.
    """
    batches = list(islice(stream, n_batches))
    if isinstance(model, SGDClassifier):
        rows, weights = zip(*batches, strict=True)
        weight = None if weights[0] is None else np.concatenate(weights)
        batches = [(np.concatenate(rows), weight)]
    for rows, weight in batches:
        model.partial_fit(
            data.X[rows], data.y[rows], classes=[0, 1], sample_weight=weight
        )


def visits_to_targets(model, arm, data, max_batches):
    """Train until every target is reached.

    Parameters
    ----------
    model : estimator
        Untrained.
    arm : Plain or Balanced
        Serves the batches.
    data : Data
        The data.
    max_batches : int
        Where to give up.

    Returns
    -------
    list of float
        Row visits to the target of each of ``FRACTIONS``, infinite if not reached.
    """
    targets = [data.best + f * (data.null - data.best) for f in FRACTIONS]
    reached = [np.inf] * len(targets)
    stream, done, before = arm.batches(), 0, np.inf
    for until in checkpoints(max_batches):
        try:
            feed(model, stream, until - done, data)
        except ValueError as error:
            # So scikit-learn tells of a rate that is far too large.
            if "Floating-point" in str(error) or "non-finite" in str(error):
                break
            raise
        p = model.predict_proba(data.X_test)[:, 1]
        loss = log_loss(data.y_test, arm.correct(p))
        for index, target in enumerate(targets):
            if reached[index] == np.inf and max(loss, before) <= target:
                reached[index] = float(done * BATCH)
        done, before = until, loss
        if np.inf not in reached:
            break
    return reached
