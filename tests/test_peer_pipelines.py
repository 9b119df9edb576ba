"""The pipeline tests that scikit-learn and imbalanced-learn ship, with our Pipeline.

Run as a program, this file is the runner: it puts a Pipeline in the place of theirs
while their test module is imported, and writes down which tests failed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import imblearn.pipeline
import pytest
import sklearn.pipeline

import skstrat.pipeline

PIPELINES = {"ours": skstrat.pipeline, "imbalanced-learn": imblearn.pipeline}

THREE_RESULTS = "fit_resample gives three results, the weights too"
WEIGHTS_IN_FIT = "fit takes sample_weight, which the test expects to be refused"
OUR_FAILURES = dict.fromkeys(
    [
        "test_pipeline_sample",
        "test_pipeline_fit_then_sample_with_sampler_last_estimator",
        "test_pipeline_fit_then_sample_3_samplers_with_sampler_last_estimator",
        "test_pipeline_with_set_output",
    ],
    THREE_RESULTS,
) | {"test_pipeline_param_error": WEIGHTS_IN_FIT}
# Of imbalanced-learn's class, too, for the reason named.
INHERITED_FAILURES = [
    # It has another message, or checks later.
    "test_pipeline_invalid_parameters",
    "test_empty_pipeline",
    "test_meta_estimator_raises_class_not_instance_error",
    # It has the old name of the argument alone.
    "test_pipeline_inverse_transform_Xt_deprecation",
    # Its fit_transform does not transform the input.
    "test_transform_input_pipeline",
    # It still warns where scikit-learn raises.
    "test_pipeline_warns_not_fitted",
    # It adds a method that the test's estimator has not.
    "test_metadata_routing_for_pipeline",
    "test_metadata_routing_error_for_pipeline",
    # It knows no callbacks.
    "test_pipeline_with_callbacks",
    "test_pipeline_memory_callbacks_second_fit_same_pipeline",
]
MENDED = {"test_transform_input_pipeline[fit_transform]"}


class Runner:
    """A plugin of pytest that swaps the names and notes the outcomes."""

    def __init__(self, swapped):
        self.swapped = swapped
        self.outcomes = {"passed": [], "failed": [], "skipped": []}

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector):
        with pytest.MonkeyPatch.context() as patch:
            if isinstance(collector, pytest.Module):
                for home in (sklearn.pipeline, imblearn.pipeline):
                    patch.setattr(home, "Pipeline", self.swapped.Pipeline)
                    patch.setattr(home, "make_pipeline", self.swapped.make_pipeline)
            return (yield)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            name = report.nodeid.rpartition("::")[2]
            self.outcomes[report.outcome].append(name)


def run(file, pipeline, names, folder):
    """Run tests of a file in a process of its own; give names by outcome."""
    folder.mkdir()
    config, result = folder / "pytest.ini", folder / "outcomes.json"
    config.write_text("[pytest]\n", encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if "PYTEST" not in name
    }
    # Small fits only, beside other tests: threads would wait for each other.
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, __file__, file, pipeline, names, config, result],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        timeout=600,
    )
    outcomes = json.loads(result.read_text(encoding="utf-8"))
    return {outcome: set(names) for outcome, names in outcomes.items()}


def shipped(package):
    file = Path(package.__file__).parent / "tests" / "test_pipeline.py"
    if not file.exists():
        pytest.skip(f"{package.__name__} is installed without its tests")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("package", [imblearn, sklearn], ids=["imblearn", "sklearn"])
def test_only_the_failures_named_above(package, tmp_path):
    file = shipped(package)
    ours = run(file, "ours", "", tmp_path / "ours")
    suspects = " or ".join(INHERITED_FAILURES)
    theirs = run(file, "imbalanced-learn", suspects, tmp_path / "theirs")

    assert len(ours["passed"]) > 60
    names = set().union(*ours.values())
    assert set().union(*theirs.values()) <= names
    by_design = OUR_FAILURES.keys() & names
    assert ours["failed"] == by_design | (theirs["failed"] - MENDED)


if __name__ == "__main__":
    tests, swapped, names, config, result = sys.argv[1:]
    runner = Runner(PIPELINES[swapped])
    options = ["-c", config, "-k", names, "-q", "-W", "ignore"]
    options += ["-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib"]
    code = pytest.main([tests, *options], plugins=[runner])
    Path(result).write_text(json.dumps(runner.outcomes), encoding="utf-8")
    # 1: some failed; 5: no test has one of the names.
    sys.exit(code not in (0, 1, 5))
