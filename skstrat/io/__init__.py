"""Files of any size to small ones with weights, and Dask collections.

Needs polars and pyarrow (the ``parquet`` extra); ``import skstrat`` does not load it.
"""

from skstrat.io._files import Summary, iter_batches, resample_parquet

__all__ = ["Summary", "iter_batches", "resample_parquet"]
