"""Resample files of any size and Dask collections; needs pyarrow and pandas."""

from skstrat.io._csv_format import CsvFormat
from skstrat.io._files import resample_file
from skstrat.io._lazy_rows import LazyRows
from skstrat.io._read_batches import read_batches
from skstrat.io._scan import scan_file
from skstrat.io._summary import Summary

__all__ = [
    "CsvFormat",
    "LazyRows",
    "Summary",
    "read_batches",
    "resample_file",
    "scan_file",
]
