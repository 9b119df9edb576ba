"""The only door to scikit-learn's and imbalanced-learn's private names."""

from imblearn.utils._tags import InputTags as SamplerInputTags
from imblearn.utils._tags import SamplerTags
from imblearn.utils._tags import Tags as _ImblearnTags
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import TargetTags
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._optional_dependencies import (
    check_matplotlib_support,
    check_pandas_support,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _estimator_has as estimator_has
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "STOCK_PIPELINE_CALL",
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "LinearClassifierMixin",
    "SamplerInputTags",
    "SamplerTags",
    "StrOptions",
    "check_feature_names",
    "check_matplotlib_support",
    "check_n_features",
    "check_pandas_support",
    "estimator_has",
    "num_samples",
    "routing_enabled",
    "sampler_tags",
]

# The frame that a stock imbalanced-learn Pipeline calls a sampler from.
STOCK_PIPELINE_CALL = ("imblearn.pipeline", "_fit_resample_one")


def sampler_tags() -> _ImblearnTags:
    """Give the tags of a sampler that looks only at the length of X.

    X may have any number of dimensions, but the one_d_array and three_d_array tags
    stand for estimators whose common tests shall run on such data only.
    """
    inputs = SamplerInputTags(
        two_d_array=True,
        sparse=True,
        categorical=True,
        string=True,
        allow_nan=True,
        dataframe=True,
    )
    return _ImblearnTags(
        estimator_type="sampler",
        target_tags=TargetTags(required=True),
        input_tags=inputs,
        sampler_tags=SamplerTags(sample_indices=True),
    )
