"""Metrics of probabilities for rare classes, with weights, and scorers of them."""

from skstrat.metrics._calibration_error import (
    calibration_noise_floor,
    expected_calibration_error,
)
from skstrat.metrics._calibration_fit import (
    calibration_in_the_large,
    calibration_slope,
    calibration_slope_intercept,
    mean_probability_ratio,
)
from skstrat.metrics._imbalance import imbalance_degree
from skstrat.metrics._measures import scorers

__all__ = [
    "calibration_in_the_large",
    "calibration_noise_floor",
    "calibration_slope",
    "calibration_slope_intercept",
    "expected_calibration_error",
    "imbalance_degree",
    "mean_probability_ratio",
    "scorers",
]
