"""A made-up table of card payments, so that the command can be tried without a file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skstrat._tables import Table, make_table

TARGET = "is_fraud"
_POSITIVES = 150
_NEGATIVES_PER_POSITIVE = 200
_SHOPS = np.array(["grocery", "fuel", "travel", "games", "jewellery", "electronics"])
_SHOP_RISK = np.array([-0.8, -0.4, 0.2, 0.9, 0.7, 0.5])
_COUNTRIES = np.array(["home", "neighbour", "overseas"])
_COUNTRY_RISK = np.array([-0.3, 0.3, 1.3])


def demo_table() -> Table:
    """Make a fraud-like table, the same one every time.

    Returns
    -------
    Table
        150 frauds and 200 times as many other payments. Fraud follows a logistic
        model with a night-time and an amount-by-shop effect that are not linear.
    """
    rng = np.random.default_rng(0)
    n_rows = _POSITIVES * (1 + _NEGATIVES_PER_POSITIVE)
    shop = rng.choice(len(_SHOPS), n_rows, p=[0.36, 0.22, 0.08, 0.12, 0.04, 0.18])
    country = rng.choice(len(_COUNTRIES), n_rows, p=[0.86, 0.1, 0.04])
    log_amount = rng.normal(3.2 + 0.3 * _SHOP_RISK[shop], 1.0)
    hour = rng.choice(24, n_rows, p=_hours())
    account_age = rng.gamma(1.5, 900, n_rows)
    payments_today = rng.poisson(0.8 + 0.6 * (country == 2))
    score = 1.5 * (
        _SHOP_RISK[shop] * np.maximum(log_amount - 3, 0)
        + _COUNTRY_RISK[country]
        + 1.2 * (hour < 6)
        + 0.4 * payments_today
        - 0.5 * np.log1p(account_age / 100)
        + 0.4 * log_amount
    )
    # A threshold on score plus logistic noise is exactly a logistic model.
    latent = score + rng.logistic(size=n_rows)
    frame = pd.DataFrame(
        {
            # As whole units: the trees' binning of weighted rows is slow where a
            # column has many different values.
            "amount": np.exp(log_amount).round(),
            "hour": hour,
            "account_age_months": _with_gaps((account_age / 30).round(), rng),
            "payments_today": payments_today,
            "shop": _SHOPS[shop],
            "country": _with_gaps(_COUNTRIES[country].astype(object), rng),
            "card_present": rng.random(n_rows) < 0.7 - 0.25 * (latent > 3),
        }
    )
    frame[TARGET] = (latent.argsort().argsort() >= n_rows - _POSITIVES).astype(int)
    return make_table(frame, TARGET, source="generated card payments")


def _hours() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    busy = 1.05 - np.cos((np.arange(24) - 3) * np.pi / 12)
    return busy / busy.sum()


def _with_gaps(values: object, rng: np.random.Generator) -> pd.Series:
    """Leave out one value in twenty."""
    column = pd.Series(values)
    return column.mask(rng.random(len(column)) < 0.05)
