"""The Parquet files that are made smaller, and what must come of each."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from scale_ways import FACTOR, RAW, SEED, TARGET, WAYS, WEIGHT, Job

from skstrat import DownsampleUpweight, Plan

PREVALENCE = 0.005
GROUP = 1 << 20
COLUMNS = [f"x{i}" for i in range(20)]
# How far a number may be off, relative to it: rounding, and what hashes leave to
# chance, which in small files may be five standard deviations.
EXACT, BY_CHANCE, DEVIATIONS = 1e-9, 0.01, 5


class Data(NamedTuple):
    """A file and what must come of it.

    Attributes
    ----------
    path, plan_path : Path
        The file, and skstrat's plan for it as JSON.
    plan : Plan
        The same.
    digest : int
        Of the rows that the plan keeps, see :func:`digest_of`.
    """

    path: Path
    plan_path: Path
    plan: Plan
    digest: int


def make_group(start, n_rows):
    """Draw consecutive rows.

    Parameters
    ----------
    start : int
        Position of the first one, the beginning of a row group.
    n_rows : int
        How many, at most ``GROUP``.

    Returns
    -------
    pyarrow.Table
        Columns and label; of fewer rows, the beginning of that of more.
    """
    made = {}
    for i, name in enumerate(COLUMNS):
        rng = np.random.default_rng([SEED, start, i])
        made[name] = rng.standard_normal(n_rows, dtype=np.float32)
    rng = np.random.default_rng([SEED, start, len(COLUMNS)])
    made[TARGET] = (rng.random(n_rows) < PREVALENCE).astype(np.int8)
    return pa.table(made)


def make_file(folder, n_rows):
    """Write a file, unless it is there.

    Parameters
    ----------
    folder : Path
        Where.
    n_rows : int
        How many rows.

    Returns
    -------
    Path
        The file; it appears when it is whole.

    Raises
    ------
    ValueError
        If the file that is there has another number of rows.
    """
    path = folder / f"rows_{n_rows}.parquet"
    if not path.exists():
        half = path.with_suffix(".half")
        schema = make_group(0, 1).schema
        options = {"compression": "snappy", "use_dictionary": False}
        with parquet.ParquetWriter(half, schema, **options) as writer:
            for start in range(0, n_rows, GROUP):
                group = make_group(start, min(GROUP, n_rows - start))
                writer.write_table(group, row_group_size=GROUP)
        half.replace(path)
    found = parquet.read_metadata(path).num_rows
    if found != n_rows:
        raise ValueError(
            f"{path} must have {n_rows} rows; it has {found}. Delete it, or name "
            "another --folder."
        )
    return path


def digest_of(values):
    """Add up the bits of float32 values, in whatever order they come.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        A column that tells rows apart.

    Returns
    -------
    int
        Sum of the values' bits, read as integers.
    """
    return int(values.view(np.int32).sum(dtype=np.int64))


def prepare(path):
    """Make the plan, and bring the file into the page cache.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Data
        The file and what must come of it.
    """
    table = parquet.read_table(path, columns=[TARGET, COLUMNS[0]])
    y = table[TARGET].to_numpy()
    sampler = DownsampleUpweight(factor=FACTOR, random_state=SEED).fit(y, y)
    plan = sampler.plan_
    digest = digest_of(table[COLUMNS[0]].to_numpy()[sampler.sample_indices_])
    plan_path = path.with_suffix(".plan.json")
    plan_path.write_text(plan.to_json(), encoding="utf-8")
    WAYS[RAW].run(Job(path, path, plan_path))
    return Data(path, plan_path, plan, digest)


class Check(NamedTuple):
    """A number that must come of a file.

    Attributes
    ----------
    what : str
        What it counts.
    got, wanted : float
        The number, and what it must be.
    within : float
        How far it may be off, relative to it.
    """

    what: str
    got: Any
    wanted: Any
    within: float = 0.0

    def passed(self):
        """Tell whether the number is near enough.

        Returns
        -------
        bool
            Whether it is.
        """
        return math.isclose(self.got, self.wanted, rel_tol=self.within)


def find_faults(name, data, dest, read):
    """Check what a way has read or written.

    Parameters
    ----------
    name : str
        The way.
    data : Data
        What must come of it.
    dest : Path
        File or folder that it has written.
    read : int or None
        Rows or bytes that it read, if it does not write.

    Returns
    -------
    list of str
        What is wrong.
    """
    if WAYS[name].rows == "none":
        whole = data.path.stat().st_size if name == RAW else sum(data.plan.rows_seen)
        checks = [Check("read", read, whole)]
    else:
        one_file = next(dest.glob("*.parquet")) if dest.is_dir() else dest
        schema = parquet.read_schema(one_file)
        if sorted(schema.names) != sorted([*COLUMNS, TARGET, WEIGHT]):
            return [f"columns are {schema.names}"]
        if schema.field(WEIGHT).type != pa.float64():
            return [f"weights are {schema.field(WEIGHT).type}, must be double"]
        table = parquet.read_table(dest, columns=[TARGET, WEIGHT, COLUMNS[0]])
        checks = _checks(WAYS[name], data, *map(np.asarray, table.columns))
    return [
        f"{each.what}: {each.got}, must be {each.wanted} to {each.within:.2g}"
        for each in checks
        if not each.passed()
    ]


def _checks(way, data, y, weight, x):
    negatives, positives = data.plan.rows_seen
    rows, totals = np.bincount(y, minlength=2), np.bincount(y, weight, minlength=2)
    # The relative standard deviation of a binomial number.
    spread = math.sqrt((FACTOR - 1) / negatives)
    loose = max(BY_CHANCE, DEVIATIONS * spread)
    if way.rows == "expected":
        drawn = Check("negatives", rows[0], negatives / FACTOR, loose)
    else:
        drawn = Check("negatives", rows[0], data.plan.rows[0])
    checks = [
        drawn,
        Check("positives", rows[1], positives),
        Check(
            "weight of the negatives",
            totals[0],
            negatives,
            EXACT if way.totals_exact else loose,
        ),
        Check("weight of the positives", totals[1], positives, EXACT),
    ]
    if way.rows == "drawn":
        checks.append(Check("digest of the rows", digest_of(x), data.digest))
    return checks
