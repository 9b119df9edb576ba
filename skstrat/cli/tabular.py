"""From a table in a file to a model: what the command line does, as functions.

Needs pandas (the ``cli`` extra), so it is not loaded by ``import skstrat``.
"""

from skstrat.cli._models import make_hgb, make_logistic, plain_columns
from skstrat.cli._tables import Table, TableError, demo_table, make_table, read_table

__all__ = [
    "Table",
    "TableError",
    "demo_table",
    "make_hgb",
    "make_logistic",
    "make_table",
    "plain_columns",
    "read_table",
]
