"""A fitted classifier whose predictions are turned to another prior."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skstrat._corrected_predictions import CorrectedPredictions

Floats = NDArray[np.float64]


class PriorCorrectedClassifier(CorrectedPredictions):
    r"""A fitted classifier that predicts for another prior than it was trained on.

    .. math:: \log p_c = \log q_c + \log(M_c / m_c) + \text{const}

    with *q* the classifier's probabilities, *m* the mass of each class it was trained
    on and *M* the mass in the distribution to predict (Elkan, 2001; Saerens, Latinne
    and Decaestecker, 2002).

    The classifier stays as it is, as in :class:`sklearn.frozen.FrozenEstimator`:
    ``fit`` does nothing, and a clone has the same fitted classifier.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with ``predict_proba``.
    trained_mass : array-like of shape (n_classes,)
        Rows or total weight of each class that it was trained on, in the order of its
        probabilities.
    original_mass : array-like of shape (n_classes,)
        Rows or total weight of each class in the distribution to predict. Only ratios
        matter in either.
    classes : array-like of shape (n_classes,), default=None
        Labels in the order of the probabilities; None for the estimator's
        ``classes_``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Columns of X, if the estimator knows them.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the estimator knows them.

    See Also
    --------
    correct_prior : The formula as a function of probabilities.
    ResampledClassifier : Trains and corrects in one; its ``to_sklearn`` gives this.

    Notes
    -----
    ``skl2onnx.to_onnx`` converts it, alone and as last step of a scikit-learn
    pipeline, where it converts the estimator. It takes the option ``zipmap`` (True or
    False) and no other. In float32, an error *e* in a probability of the estimator
    becomes one of at most *e* times the largest ratio of the factors
    :math:`M_c / m_c`. The correction itself adds some 1e-7 of each probability, and
    leaves 0 and 1 as they are.

    Examples
    --------
    A model of balanced rows, used where one row in a hundred is positive:

    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skstrat import PriorCorrectedClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 500)
    >>> X = rng.normal(size=(1000, 1)) + y[:, np.newaxis]
    >>> forest = RandomForestClassifier(20, min_samples_leaf=20, random_state=0).fit(
    ...     X, y
    ... )
    >>> model = PriorCorrectedClassifier(
    ...     forest, trained_mass=[1, 1], original_mass=[99, 1]
    ... )
    >>> forest.predict([[2.5]]), model.predict([[2.5]])
    (array([1]), array([0]))
    """

    def __init__(
        self,
        estimator: Any,
        *,
        trained_mass: Any,
        original_mass: Any,
        classes: Any = None,
    ) -> None:
        self.estimator = estimator
        self.trained_mass = trained_mass
        self.original_mass = original_mass
        self.classes = classes

    def fit(self, X: Any = None, y: Any = None, **params: Any) -> Self:  # noqa: ARG002
        """Do nothing: the estimator is fitted already.

        Parameters
        ----------
        X : object, default=None
            Ignored.
        y : object, default=None
            Ignored.
        **params : dict
            Ignored.

        Returns
        -------
        PriorCorrectedClassifier
            This classifier.
        """
        check_is_fitted(self.estimator)
        return self

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))

    def __sklearn_is_fitted__(self) -> bool:
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True

    @property
    def estimator_(self) -> Any:
        """The estimator, which is fitted."""
        return self.estimator

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels."""
        own = self.estimator.classes_ if self.classes is None else self.classes
        return np.asarray(own)

    @property
    def trained_mass_(self) -> Floats:
        """Mass of each class that the estimator was trained on."""
        return np.asarray(self.trained_mass, dtype=np.float64)

    @property
    def original_mass_(self) -> Floats:
        """Mass of each class in the distribution to predict."""
        return np.asarray(self.original_mass, dtype=np.float64)

    def onnx_parser(self) -> Any:
        """Give skl2onnx the outputs of this classifier.

        Returns
        -------
        callable
            Declares them.
        """
        from skstrat._prior_onnx import parser_of

        return parser_of(self)

    def onnx_shape_calculator(self) -> Any:
        """Give skl2onnx the types and shapes of the outputs.

        Returns
        -------
        callable
            Sets them.
        """
        from skstrat._prior_onnx import set_output_types

        return set_output_types

    def onnx_converter(self) -> Any:
        """Give skl2onnx the nodes of the correction.

        Returns
        -------
        callable
            Adds them to a graph.
        """
        from skstrat._prior_onnx import convert

        return convert
