"""The command that makes a small file of a big one: what it writes and says."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skstrat import DownsampleUpweight
from skstrat.cli._compare import skstrat_command

SEED = 3


def make_frame(n_rows=3000):
    """Make rows of two classes, 1 in 50 a fraud, the labels in every type."""
    rng = np.random.default_rng(0)
    fraud = rng.random(n_rows) < 0.02
    columns = {
        "amount": rng.lognormal(size=n_rows).round(3),
        "id": rng.permutation(n_rows) + 10**9,
        "w": rng.integers(1, 9, n_rows) / 4,
        "shop": rng.integers(0, 7, n_rows),
        "is_fraud": fraud.astype(int),
        "number": fraud.astype(float),
        "flag": fraud,
        "kind": np.where(fraud, "a=b", "ok"),
        "padded": np.where(fraud, "01", "00"),
        "one": 1,
    }
    return pd.DataFrame(columns)


FRAME = make_frame()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    FRAME.to_parquet(folder / "big.parquet", row_group_size=1000)
    FRAME.to_csv(folder / "big.csv", index=False)
    (folder / "unclosed.csv").write_text('"' + "x" * 200_000, encoding="utf-8")
    return folder


def invoke(*arguments):
    """Run the command in this process; its output is both streams together."""
    return CliRunner().invoke(skstrat_command, ["downsample", *map(str, arguments)])


def succeed(*arguments):
    result = invoke(*arguments, f"--random-state={SEED}")
    assert result.exit_code == 0, result.output
    return result.output


def trained(output):
    """Run the code that is printed."""
    names = {}
    exec(output.partition("Train from it:")[2], names)
    return names


def in_memory(target="is_fraud", weight=None, frame=FRAME, **parameters):
    """Give the rows and the weights that the file must hold."""
    down = DownsampleUpweight(**{"factor": 20, **parameters}, random_state=SEED)
    given = None if weight is None else frame[weight]
    X, _, weights = down.fit_resample(frame, frame[target], sample_weight=given)
    return X.assign(**{weight or "sample_weight": weights}).reset_index(drop=True)


@pytest.mark.parametrize(
    ("source", "target", "common", "rare"),
    [
        ("big.csv", "is_fraud", "00", "01"),
        ("big.parquet", "number", "0", "1"),
        # Fields of CSV are text where they are no plain integers.
        ("big.csv", "number", "0.0", "1.0"),
        ("big.parquet", "flag", "false", "true"),
        ("big.csv", "kind", "ok", "a=b"),
    ],
)
def test_factors_by_label(folder, tmp_path, source, target, common, rare):
    dest = tmp_path / "small.csv"
    factors = [f"--factor={common}=10", f"--factor={rare}=2.5"]
    succeed(folder / source, dest, f"--target={target}", *factors)
    tables = pd.read_csv(dest), in_memory(factor={0: 10, 1: 2.5})
    rows, wanted = (each["is_fraud"].value_counts().to_dict() for each in tables)
    assert rows == wanted


@pytest.mark.parametrize("columns", [{"strata": ["shop", "flag"]}, {"groups": "shop"}])
def test_strata_and_groups_are_columns(folder, tmp_path, columns):
    arguments = (folder / "big.parquet", tmp_path / "small.parquet", "--factor=20")
    ((option, names),) = columns.items()
    options = [f"--{option}={name}" for name in np.atleast_1d(names)]
    out = succeed(*arguments, "--target=is_fraud", *options)
    pd.testing.assert_frame_equal(pd.read_parquet(arguments[1]), in_memory(**columns))
    # Weights differ within a class, and an identifier is nothing to learn from.
    assert "fit(X, y, sample_weight=within)" in out
    assert ("drop(columns=['shop'])" in out) == (option == "groups")


def test_strata_of_a_target_of_numbers(folder, tmp_path):
    arguments = (folder / "big.parquet", tmp_path / "small.csv", "--target=amount")
    out = succeed(*arguments, "--strata=kind", "--strata=flag", "--factor=20")
    assert "kind, flag" in out.splitlines()[1]
    assert "a=b, True" in out
    # Texts are for a pipeline that encodes them.
    names = trained(out.replace("fit(X,", "fit(X[['id', 'w']],"))
    predicted = names["model"].predict(names["X"][["id", "w"]])
    mean = np.average(predicted, weights=names["weight"])
    assert mean == pytest.approx(FRAME["amount"].mean(), rel=0.3)


def test_csv_of_every_format(tmp_path):
    rows = np.arange(400)
    frame = pd.DataFrame({"x": rows / 8, "w": 1.5})
    frame["text"] = np.where(rows % 3 == 0, None, "é|;,'")
    frame["y"] = np.where(rows % 20 == 0, "None", "NA")
    big, again = tmp_path / "big.csv", tmp_path / "again.csv"
    written = {"sep": "|", "quotechar": "'", "decimal": ",", "na_rep": "-"}
    frame.to_csv(big, index=False, encoding="latin-1", **written)
    options = ["--target=y", "--sample-weight=w", "--separator=|", "--quote='"]
    options += ["--decimal=,", "--encoding=latin-1", "--missing=-", "--missing=?"]
    small, down = tmp_path / "small.parquet", ["--factor=NA=4", *options]
    succeed(big, small, *down)
    expected = in_memory("y", "w", frame, factor={"NA": 4})
    pd.testing.assert_frame_equal(pd.read_parquet(small), expected, check_dtype=False)
    # The same labels in the other command, from the file as it is written again.
    names = trained(succeed(big, again, *down).partition("# Linear")[0])
    assert names["weight"].tolist() == expected["w"].tolist()
    assert set(names["y"]) == {"NA", "None"}
    assert names["X"]["x"].tolist() == expected["x"].tolist()
    arguments = ["compare", str(again), "--cv=99", *options]
    compared = CliRunner().invoke(skstrat_command, arguments)
    assert ["None", "20", "17.4", "%"] in map(str.split, compared.output.splitlines())


def test_the_table_the_document_and_notes(tmp_path):
    rows = "".join(f"{i:03},{int(i % 10 == 0)},{i % 4 + 1}\n" for i in range(2000))
    (tmp_path / "big.csv").write_text(f"code,y,w\n{rows}", encoding="utf-8")
    dest = tmp_path / "small.parquet"
    arguments = (tmp_path / "big.csv", dest, "--target=y", "--factor=0=4")
    options = ("--sample-weight=w", "--overwrite")
    document = json.loads(succeed(*arguments, *options, "--json"))
    frame, small = pd.read_csv(tmp_path / "big.csv"), pd.read_parquet(dest)
    out = succeed(*arguments, *options).splitlines()
    for entry in document["classes"]:
        before, after = (each[each["y"] == entry["label"]] for each in (frame, small))
        assert (entry["rows_before"], entry["rows"]) == (len(before), len(after))
        assert entry["weight_before"] == pytest.approx(before["w"].sum())
        assert entry["weight"] == pytest.approx(after["w"].sum())
        numbers = [f"{len(before):,}", f"{len(after):,}", f"{before['w'].sum():,}"]
        assert [str(entry["label"]), *numbers, numbers[-1]] in map(str.split, out)
    assert (document["random_state"], document["factor"]) == (SEED, {"0": 4})
    assert {"python", "skstrat", "numpy", "pyarrow"} < document["versions"].keys()
    sizes = [path.stat().st_size for path in arguments[:2]]
    assert [document["bytes_before"], document["bytes"]] == sizes
    (note,) = document["notes"]
    assert "code" in note
    assert f"Note: {note}" in out


@pytest.mark.parametrize(
    ("common", "rare", "ending"),
    [
        ("False", "True", "csv"),
        ("0.0", "1.0", "parquet"),
        (1, 9223372036854775813, "csv"),
        ("2020-01-01", "2020-01-02", "parquet"),
    ],
)
def test_code_for_training_runs_with_labels_of_every_look(
    common, rare, ending, tmp_path
):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(800, 2)), columns=["a", "b"])
    hit = rng.random(len(frame)) < 0.1
    frame["y"] = [rare if each else common for each in hit]
    frame.to_csv(tmp_path / "big.csv", index=False)
    dest = tmp_path / f"it's.{ending}"
    names = trained(succeed(tmp_path / "big.csv", dest, "--target=y", "--factor=5"))
    for model in (names["linear"], names["trees"]):
        assert model.classes_.tolist() == [common, rare]
    # The intercept is not penalised, so means are kept to the solver's tolerance.
    proba = names["linear"].predict_proba(names["X"])[:, 1]
    mean = np.average(proba, weights=names["weight"])
    assert mean == pytest.approx(hit.mean(), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [["--key=id"], ["--sample-weight=w", "--weighting=factor"]], ids=str
)
def test_code_for_training_gives_the_prevalence(tmp_path, options):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(80_000, 4)), columns=list("abcd"))
    score = frame["a"] + frame["b"] * frame["c"] - 4.5
    y = (rng.random(len(frame)) < 1 / (1 + np.exp(-score))).astype(int)
    # As text, pandas would read a missing value and a number.
    frame["label"] = np.where(y == 1, "NA", "007")
    frame["id"] = rng.permutation(len(frame))
    frame["w"] = rng.integers(1, 5, len(frame)) / 2
    unused, weighted = ("w", False) if "--key=id" in options else ("id", True)
    seen, fresh = frame[:40_000].drop(columns=unused), frame[40_000:]
    seen.to_parquet(tmp_path / "big.parquet")
    arguments = (tmp_path / "big.parquet", tmp_path / "small.csv", "--target=label")
    names = trained(succeed(*arguments, "--factor=20", *options))
    assert names["X"].columns.tolist() == ["a", "b", "c", "d"]
    weights = fresh["w"] if weighted else None
    prevalence = np.average(y[40_000:], weights=weights)
    for model in (names["linear"], names["trees"]):
        (column,) = np.flatnonzero(model.classes_ == "NA")
        predicted = model.predict_proba(fresh[list("abcd")])[:, column]
        # 2.3 for trees with the weights; the sample itself is good to 4 %.
        assert 0.8 < np.average(predicted, weights=weights) / prevalence < 1.25


WORDS = "--target=is_fraud --factor=20"
ONE_FACTOR = "factor must be one finite number from 1 on such as 20, LABEL=20 once for"
IN_CSV = [
    (f"{WORDS} --key=no", "key must name a column"),
    (f"{WORDS} --key=one", "or leave key out to draw by"),
    ("--target=one --factor=2", "(target (y) is 'one'): y must have at least two cl"),
    ("--target=kind --factor=no=2", "['a=b', 'ok']; got 'no', which is none of them"),
    (f"{WORDS} --factor=1=3", ONE_FACTOR),
    ("--target=kind --factor=ok=x", "or auto; got ok=x"),
    ("--target=kind --factor=nan", "or auto; got nan"),
    (f"{WORDS} --quote=,", "Error: quote must differ from decimal and from separator"),
]
REFUSED = [
    ("big.csv -", WORDS, "dest must end in one of"),
    ("unclosed.csv", WORDS, "unclosed.csv cannot be read: "),
    ("big.parquet", "--target=amount --factor=2", "y must hold class labels"),
    ("big.parquet", "--target=flag --factor=1=2", "[False, True]; got '1'"),
    ("big.parquet", "--target=shop --factor=0=2 --factor=00=3", "for the second time"),
    *(("big.csv", *each) for each in IN_CSV),
]


@pytest.mark.parametrize(("source", "options", "message"), REFUSED)
def test_what_the_user_can_put_right(folder, tmp_path, source, options, message):
    source, no_format, _ = source.partition(" -")
    dest = tmp_path / ("o.txt" if no_format else "o.csv")
    result = invoke(folder / source, dest, *shlex.split(options))
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_reaches_the_terminal_raw(tmp_path):
    source, dest = tmp_path / "\x1b[31mbig.csv", tmp_path / "small\u202e.csv"
    labels = np.where(np.arange(100) % 10 == 0, "\x1b]0;owned\x07", "\x9b2Jok\u202e")
    frame = pd.DataFrame({"x": range(100), "y\x1b[1m": labels})
    frame.to_csv(source, index=False)
    options = ("--target=y\x1b[1m", "--factor=3")
    out = succeed(source, dest, *options)
    assert r"\x1b]0;owned" in out
    assert r"\x9b2Jok\u202e" in out
    compared = ["compare", str(source), options[0], "--cv=50"]
    refused = [
        invoke(source, dest, *options),
        invoke(tmp_path / "\x1b[32mno.csv", tmp_path / "o.csv", *options),
        invoke(source, tmp_path / "o.csv", *options, "--key=\x1b"),
        CliRunner().invoke(skstrat_command, compared),
    ]
    for text in (out, *(each.output for each in refused)):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert [each.exit_code for each in refused] == [2] * 4
    document = json.loads(succeed(source, dest, *options, "--overwrite", "--json"))
    assert [each["label"] for each in document["classes"]] == sorted(set(labels))
