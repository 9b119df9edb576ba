"""Which libraries skstrat works with: the tests of each are run, with the real library.

A host is a library, or a way to use one, with what a user writes. It works, or is
refused, if its tests pass. One that is not installed has no tests that pass. This needs
the extra ``test``.

    python benchmarks/hosts.py
"""

import subprocess
import sys
from itertools import pairwise

import harness

CONTRACT = "tests/resamplers/test_resamplers_contract.py"
TABLES = "tests/resamplers/test_hosts.py"
DISTRIBUTED = "tests/batches/test_distributed.py"
PAGES = "tests/test_documentation.py"
OFFSETS = "tests/classifiers/test_offset_inside.py"
EXPORTS = "tests/classifiers/test_to_sklearn.py"
FIT, MODEL = "`fit_resample(X, y)`", "`ResampledClassifier(estimator, resampler)`"
RANK = "`rank=`, `world_size=`"
# What it is, how it is used, whether it is refused, its tests, words in their names.
HOSTS = (
    ("NumPy, SciPy sparse, lists", FIT, False, CONTRACT, "every_container"),
    ("pandas, xarray, PyArrow", FIT, False, CONTRACT, "every_container"),
    ("Polars `DataFrame`", FIT, False, TABLES, "polars"),
    ("Polars `LazyFrame`", "`X.collect()` first", True, TABLES, "refused and lazy"),
    ("Hugging Face `Dataset`", FIT, False, TABLES, "hugging_face_rows"),
    ("Hugging Face `DatasetDict`", '`X["train"]`', True, TABLES, "refused and split"),
    ("torch `Dataset`, `Subset`", FIT, False, TABLES, "torch_data_sets"),
    (
        "imbalanced-learn's samplers over such tables",
        "`Weighted(SMOTE())`",
        False,
        TABLES,
        "table_that_they_are_given",
    ),
    ("Dask", "`fit_resample(X, y)`, lazy", False, "tests/io/test_dask.py", ""),
    ("Parquet", "`resample_file`, `scan_file`", False, "tests/io/test_parquet.py", ""),
    ("CSV", "`resample_file`, `scan_file`", False, "tests/io/test_csv.py", ""),
    ("DuckDB", "`Plan.to_sql`", False, "tests/_core/test_sql.py", ""),
    ("Spark", "`Plan.to_sql`", False, "tests/_core/test_spark.py", ""),
    (
        "pipelines of scikit-learn and imbalanced-learn",
        "`from skstrat import make_pipeline`",
        False,
        "tests/test_peer_pipelines.py",
        "",
    ),
    ("LightGBM", MODEL, False, OFFSETS, "lightgbm"),
    ("XGBoost", MODEL, False, OFFSETS, "xgboost"),
    ("CatBoost", MODEL, False, OFFSETS, "catboost"),
    (
        "a booster's own training",
        "`booster_data`",
        False,
        "tests/classifiers/test_booster_data.py",
        "",
    ),
    (
        "torch `DataLoader`",
        "`batch_sampler=BalancedBatches(y)`",
        False,
        "tests/batches/test_torch.py",
        "",
    ),
    ("torch, several processes", RANK, False, DISTRIBUTED, "torch"),
    ("Accelerate", "`accelerator.prepare(loader)`", False, DISTRIBUTED, "accelerate"),
    (
        "Lightning",
        f"{RANK}, `use_distributed_sampler=False`",
        False,
        DISTRIBUTED,
        "lightning",
    ),
    (
        "Trainer of transformers",
        "weights as a column, see below",
        False,
        "tests/batches/test_weighted_loss.py",
        "trainer",
    ),
    ("Keras", "`BalancedDataset`", False, "tests/batches/test_keras.py", ""),
    ("ONNX", "`to_sklearn()`", False, EXPORTS, "onnx"),
    ("SHAP, skops", "`to_sklearn()`", False, PAGES, "deploying"),
    ("MLflow", "as any estimator", False, PAGES, "mlflow"),
)


def run_tests(*arguments):
    """Run tests; return the numbers of those that passed, failed and were skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--no-header", "--tb=no", *arguments],
        cwd=harness.HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.replace(",", "").split("\n")[-2].split()
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for number, name in pairwise(words):
        if name in counts:
            counts[name] = int(number)
    return counts


def measure(arguments):
    """Run the tests of every host, of the first alone in a quick run."""
    hosts = []
    for host, how, refused, path, words in HOSTS[: 1 if arguments.quick else None]:
        if arguments.only in host:
            counts = run_tests(path, *(["-k", words] if words else []))
            passed = counts["passed"] and not counts["failed"]
            works = ("refused" if refused else "yes") if passed else "no"
            hosts.append({"host": host, "how": how, "works": works, **counts})
    missed = [each["host"] for each in hosts if each["works"] == "no"]
    return {"hosts": hosts, "missed": missed}


def report(document):
    """Write the table of hosts."""
    columns = {"host": "{host}", "works": "{works}", "how": "{how}"}
    return harness.table(columns, document["hosts"]).replace("---:", "---")


if __name__ == "__main__":
    uses = "torch", "accelerate", "lightning", "transformers", "datasets", "polars"
    harness.run(measure, report, uses=(*uses, "dask", "duckdb", "pyspark", "keras"))
