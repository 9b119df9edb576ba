"""The code printed for the small file of a CSV file, whatever its labels look like."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skstrat.cli._compare import skstrat_command


@pytest.mark.parametrize(
    ("common", "rare"),
    [
        ("False", "True"),
        ("00", "01"),
        ("0.0", "1.0"),
        (1, 9223372036854775813),
        ("2020-01-01", "2020-01-02"),
    ],
)
def test_code_for_training_runs_with_labels_of_every_look(common, rare, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(800, 2)), columns=["a", "b"])
    hit = rng.random(len(frame)) < 0.1
    frame["y"] = [rare if each else common for each in hit]
    frame.to_csv(tmp_path / "big.csv", index=False)
    files = [str(tmp_path / name) for name in ("big.csv", "small.parquet")]
    options = ["--target=y", "--factor=5"]
    result = CliRunner().invoke(skstrat_command, ["downsample", *files, *options])
    assert result.exit_code == 0, result.output
    names = {}
    exec(result.output.partition("Train from it:")[2], names)
    for model in (names["linear"], names["trees"]):
        assert model.classes_.tolist() == [common, rare]
        assert model.predict_proba(names["X"]).shape == (len(names["X"]), 2)
    # The intercept is not penalised, so means are kept to the solver's tolerance.
    mean = np.average(
        names["linear"].predict_proba(names["X"])[:, 1], weights=names["weight"]
    )
    assert mean == pytest.approx(hit.mean(), rel=0.01)
