"""Errors that a program may catch, and warnings that it may filter."""


class MissingLabelsError(ValueError):
    """Some labels in ``y`` are missing (NaN, None, NaT or a null).

    Parameters
    ----------
    n_missing, n_labels : int
        Number of missing labels, and of labels.

    Attributes
    ----------
    n_missing, n_labels : int
        The same.
    """

    def __init__(self, n_missing: int, n_labels: int) -> None:
        self.n_missing = n_missing
        self.n_labels = n_labels
        super().__init__(
            f"y must have a label in every row; {n_missing} of {n_labels} labels are "
            "missing (NaN or None). Remove those rows first."
        )

    def __reduce__(self) -> tuple[type, tuple[int, int]]:
        return type(self), (self.n_missing, self.n_labels)


class UnusedWeightsError(ValueError):
    """Weights were given or computed, but no later step would use them."""


class AbsentClassWarning(UserWarning):
    """A class named in a dict is not among the labels, so its entry does nothing."""


class SmallStrataWarning(UserWarning):
    """Strata are so small that far more or fewer rows are drawn than requested."""


class TreeWeightsWarning(UserWarning):
    """Trees are fitted with class weights that they do not learn well.

    With large weights, boosted and bagged trees predict too high between the kept rows,
    and pure leaves ignore weights. A correction of the prior does not repair this.
    ``ResampledClassifier`` with a downsampling resampler does not need such weights.
    """


class CalibrationWarning(UserWarning):
    """A model predicts far more or fewer rows of a class than there are.

    The text names the cause and the remedy. It holds no number, so that Python shows it
    once for all folds. ``decision_.check`` of the classifier has the ratios of all
    classes, with their standard errors. Known causes also give this warning: samplers
    without weights or that choose rows by their values. Copies of a row on both sides
    of a split are one, too.
    """
