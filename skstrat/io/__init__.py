"""Files of any size to small ones with weights, and Dask collections.

Needs polars and pyarrow (the ``parquet`` extra); ``import skstrat`` does not load it.
"""

from skstrat.io._files import Summary, read_batches, resample_file

__all__ = ["Summary", "read_batches", "resample_file"]
