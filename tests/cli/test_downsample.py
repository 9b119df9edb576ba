"""The command that makes a small file of a big one: what it writes and says."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skstrat import DownsampleUpweight
from skstrat.cli._compare import skstrat_command
from skstrat.io import resample_file

# What the console script does.
START = "from skstrat.cli import main; main()"
SEED = 3


def make_frame(n_rows=6000):
    """Make rows of two classes, 1 in 50 a fraud, the labels in every type."""
    rng = np.random.default_rng(0)
    fraud = rng.random(n_rows) < 0.02
    return pd.DataFrame(
        {
            "amount": rng.lognormal(size=n_rows).round(3),
            "id": rng.permutation(n_rows) + 10**9,
            "w": rng.integers(1, 9, n_rows) / 4,
            "is_fraud": fraud.astype(int),
            "number": fraud.astype(float),
            "flag": fraud,
            "kind": np.where(fraud, "a=b", "ok"),
            "padded": np.where(fraud, "01", "00"),
            "one": 1,
            "text": "x",
            "gap": np.where(np.arange(n_rows) == 7, None, fraud.astype(str)),
            "negative": np.where(np.arange(n_rows) == 7, -1.0, 1.0),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    frame = make_frame()
    frame.to_parquet(folder / "big.parquet", row_group_size=1000)
    frame.to_csv(folder / "big.csv", index=False)
    frame.iloc[::-1].to_parquet(folder / "reversed.parquet")
    frame.iloc[:0].to_csv(folder / "no_rows.csv", index=False)
    frame.assign(sample_weight=2.0).to_parquet(folder / "weighted.parquet")
    (folder / "broken.parquet").write_bytes(b"PAR1 and no more")
    (folder / "unclosed.csv").write_text('"' + "x" * 200_000, encoding="utf-8")
    (folder / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
    return folder


def invoke(*arguments):
    """Run the command in this process; its output is both streams together."""
    arguments = ["downsample", *map(str, arguments)]
    return CliRunner().invoke(skstrat_command, arguments)


def succeed(*arguments):
    result = invoke(*arguments, f"--random-state={SEED}")
    assert result.exit_code == 0, result.output
    return result.output


def process(*arguments, warnings="error", **options):
    command = [sys.executable, "-W", warnings, "-c", START, "downsample"]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


def finish(running):
    out, err = running.communicate(timeout=120)
    return running.returncode, out, err


def in_memory(frame, target="is_fraud", weight=None, **parameters):
    down = DownsampleUpweight(**{"factor": 20, **parameters}, random_state=SEED)
    return down.fit_resample(
        frame, frame[target], sample_weight=None if weight is None else frame[weight]
    )


@pytest.mark.parametrize("dest", ["small.parquet", "small.csv", "small.csv.gz"])
@pytest.mark.parametrize("source", ["big.parquet", "big.csv"])
def test_files_are_those_of_the_library(folder, tmp_path, source, dest):
    ours, theirs = tmp_path / f"ours_{dest}", tmp_path / f"theirs_{dest}"
    succeed(folder / source, ours, "--target=is_fraud", "--factor=20")
    resample_file(
        folder / source,
        theirs,
        target="is_fraud",
        resampler=DownsampleUpweight(factor=20, random_state=SEED),
    )
    read = pd.read_parquet if dest.endswith(".parquet") else pd.read_csv
    pd.testing.assert_frame_equal(read(ours), read(theirs))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("weighting", ["original", "factor"])
def test_rows_and_weights_are_those_in_memory(folder, tmp_path, weight, weighting):
    dest = tmp_path / "small.parquet"
    options = [] if weight is None else ["--sample-weight", weight]
    options += [f"--weighting={weighting}"]
    arguments = (folder / "big.parquet", dest, "--target=is_fraud", "--factor=20")
    succeed(*arguments, *options)
    frame = make_frame()
    X, _, w = in_memory(frame, weight=weight, weighting=weighting)
    expected = X.assign(**{weight or "sample_weight": w}).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(dest), expected)
    before = frame[weight].sum() if weight else len(frame)
    kept = weighting == "original" or weight is None
    assert (w.sum() == pytest.approx(before)) == kept


def test_a_key_keeps_the_same_rows_in_any_order(folder, tmp_path):
    kept = []
    for name in ("big.parquet", "reversed.parquet"):
        dest = tmp_path / name
        arguments = (folder / name, dest, "--target=is_fraud", "--factor=20")
        succeed(*arguments, "--key=id")
        kept.append(pd.read_parquet(dest)["id"].tolist())
    assert kept[0] == kept[1][::-1]


@pytest.mark.parametrize(
    ("source", "target", "common", "rare"),
    [
        ("big.parquet", "is_fraud", "0", "1"),
        ("big.csv", "is_fraud", "00", "01"),
        ("big.parquet", "number", "0", "1"),
        # Fields of CSV are text where they are no plain integers.
        ("big.csv", "number", "0.0", "1.0"),
        ("big.parquet", "padded", "00", "01"),
        ("big.csv", "padded", "00", "01"),
        ("big.csv", "flag", "False", "True"),
        ("big.parquet", "flag", "False", "True"),
        ("big.csv", "kind", "ok", "a=b"),
    ],
)
def test_factors_by_label(folder, tmp_path, source, target, common, rare):
    dest = tmp_path / "small.parquet"
    factors = [f"--factor={common}=20", f"--factor={rare}=2.5"]
    succeed(folder / source, dest, f"--target={target}", *factors)
    frame = make_frame()
    fraud = frame["is_fraud"].to_numpy()
    small = pd.read_parquet(dest)
    rows = small["is_fraud"].value_counts()
    _, y, _ = in_memory(frame, factor={0: 20, 1: 2.5})
    assert rows.to_dict() == y.value_counts().to_dict()
    assert rows[0] == pytest.approx((fraud == 0).sum() / 20, rel=0.3)
    assert rows[1] == pytest.approx((fraud == 1).sum() / 2.5, rel=0.3)
    totals = small.groupby("is_fraud")["sample_weight"].sum()
    assert totals.tolist() == pytest.approx(np.bincount(fraud).tolist())


def test_labels_are_true_and_false_in_lower_case_too(folder, tmp_path):
    dest = tmp_path / "small.parquet"
    arguments = (folder / "big.parquet", dest, "--target=flag", "--factor=true=4")
    succeed(*arguments)
    frame = make_frame()
    rows = pd.read_parquet(dest)["flag"].value_counts()
    assert rows[False] == (~frame["flag"]).sum()
    assert rows[True] == round(frame["flag"].sum() / 4)


def test_strata_and_groups_are_columns(folder, tmp_path):
    frame = make_frame().assign(shop=lambda frame: frame["id"] % 7)
    frame.to_parquet(tmp_path / "shops.parquet")
    dest = tmp_path / "small.parquet"
    arguments = (tmp_path / "shops.parquet", dest, "--target=is_fraud", "--factor=20")
    for option in ("strata", "groups"):
        out = succeed(*arguments, f"--{option}=shop", "--overwrite")
        X, _, w = in_memory(frame, **{option: "shop"})
        expected = X.assign(sample_weight=w).reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.read_parquet(dest), expected)
        # Weights differ within a class, and an identifier is nothing to learn from.
        assert "fit(X, y, sample_weight=within)" in out
        assert ("drop(columns=['shop'])" in out) == (option == "groups")
    both = ["--strata=shop", "--strata=flag"]
    document = json.loads(succeed(*arguments, *both, "--overwrite", "--json"))
    assert (document["strata"], document["groups"]) == (["shop", "flag"], None)
    X, _, w = in_memory(frame, strata=["shop", "flag"])
    expected = X.assign(sample_weight=w).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(dest), expected)
    both = invoke(*arguments, "--groups=shop", "--key=id", "--overwrite")
    assert both.exit_code == 2
    assert "key must be None where groups" in both.output
    absent = invoke(*arguments, "--strata=no", "--overwrite")
    assert absent.exit_code == 2
    assert absent.output.startswith("Error: strata must name a column")


@pytest.mark.parametrize("dest", ["small.parquet", "small.csv"])
def test_strata_of_a_target_of_numbers(folder, tmp_path, dest):
    arguments = (folder / "big.parquet", tmp_path / dest, "--target=amount")
    out = succeed(*arguments, "--strata=kind", "--strata=flag", "--factor=20")
    frame, names = make_frame(), {}
    code = out.partition("Train from it:")[2]
    # Texts are for a pipeline that encodes them.
    exec(code.replace("fit(X,", "fit(X[['id', 'w']],"), names)
    assert "kind, flag" in out.splitlines()[1]
    assert "a=b, True" in out
    mean = np.average(
        names["model"].predict(names["X"][["id", "w"]]), weights=names["weight"]
    )
    assert mean == pytest.approx(frame["amount"].mean(), rel=0.3)


@pytest.mark.slow
def test_factor_is_recommended(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40_000)})
    frame["y"] = (rng.random(len(frame)) < 0.01 * np.exp(frame["x"])).astype(int)
    frame.to_parquet(tmp_path / "big.parquet")
    dest = tmp_path / "small.parquet"
    arguments = (tmp_path / "big.parquet", dest, "--target=y", "--factor=auto")
    document = json.loads(succeed(*arguments, "--json"))
    assert document["factor"] == "auto"
    down = DownsampleUpweight(factor="auto", random_state=SEED)
    _, y, w = down.fit_resample(frame[["x"]], frame["y"])
    small = pd.read_parquet(dest)
    assert small["y"].tolist() == y.tolist()
    assert small["sample_weight"].to_numpy() == pytest.approx(w)


FORMATS = {
    "semicolons.csv": ({"sep": ";", "decimal": ","}, ["--decimal=,"]),
    "tabs.tsv": ({"sep": "\t"}, []),
    "utf16.csv.gz": ({"encoding": "utf-16"}, []),
    "bars.csv.zip": ({"sep": "|", "quotechar": "'"}, ["--quote='"]),
    "latin.csv.bz2": (
        {"sep": "~", "encoding": "latin-1", "na_rep": "-"},
        ["--separator=~", "--encoding=latin-1", "--missing=-", "--missing=?"],
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_csv_of_every_format(tmp_path, name):
    written, options = FORMATS[name]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400).round(3), "w": 1.5})
    frame["text"] = np.where(np.arange(400) % 3 == 0, None, "é|;,'")
    frame["y"] = np.where(np.arange(400) % 20 == 0, "None", "NA")
    frame.to_csv(tmp_path / name, index=False, **written)
    options = ("--target=y", *options)
    dest = tmp_path / "small.parquet"
    down = (tmp_path / name, dest, "--factor=NA=4", "--sample-weight=w", *options)
    succeed(*down)
    small = pd.read_parquet(dest)
    expected, _, w = in_memory(frame, "y", "w", factor={"NA": 4})
    expected = expected.assign(w=w).reset_index(drop=True)
    pd.testing.assert_frame_equal(small, expected, check_dtype=False)
    # The same labels in the other command, from the file as it is written again.
    again = tmp_path / f"again_{name}"
    out = succeed(*down[:1], again, *down[2:])
    names = {}
    exec(out.partition("Train from it:")[2].partition("# Linear")[0], names)
    assert names["weight"].sum() == pytest.approx(600)
    assert set(names["y"]) == {"NA", "None"}
    assert names["X"]["x"].tolist() == expected["x"].tolist()
    arguments = ["compare", str(again), "--cv=99", *options]
    compared = CliRunner().invoke(skstrat_command, arguments)
    assert ["None", "20", "17.4", "%"] in map(str.split, compared.output.splitlines())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--separator=ab",
            "separator must be one ASCII character, no line end; got 'ab'",
        ),
        ("--separator=.", "separator must differ from decimal; got '.' for both"),
        ("--encoding=no", "encoding must be a name that Python knows"),
        ("--quote=\n", r"quote must be one ASCII character, no line end; got '\n'"),
        ("--quote=,", "quote must differ from decimal and from separator, which"),
        ("--decimal=x", "decimal must be '.' or ','; got 'x'"),
    ],
)
def test_options_of_csv_that_are_impossible(folder, tmp_path, option, message):
    result = invoke(folder / "big.csv", tmp_path / "o.csv", *WORDS.split(), option)
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: {message}")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--target=y --strata=y",
            "strata must name another column than target; got 'y' for both",
        ),
        (
            "--target='a;y;sample_weight' --groups=no",
            "groups must name a column of every file; {} has no 'no', only "
            "['y', 'a;y;sample_weight', 'key must of X']",
        ),
    ],
)
def test_messages_of_the_library_are_printed_as_they_are(tmp_path, options, message):
    source = tmp_path / "the source must y;.parquet"
    names = ["y", "a;y;sample_weight", "key must of X"]
    pd.DataFrame([[0, 0, 0], [1, 1, 1]] * 9, columns=names).to_parquet(source)
    arguments = (source, tmp_path / "o.csv", "--factor=2", *shlex.split(options))
    assert invoke(*arguments).output == f"Error: {message.format(source)}.\n"


def test_notes_are_printed_and_in_the_document(tmp_path):
    rows = "".join(f"{i:03},{int(i % 10 == 0)}\n" for i in range(200))
    (tmp_path / "big.csv").write_text(f"code,y\n{rows}", encoding="utf-8")
    dest = tmp_path / "small.parquet"
    arguments = (tmp_path / "big.csv", dest, "--target=y", "--factor=4", "--overwrite")
    (note,) = json.loads(succeed(*arguments, "--json"))["notes"]
    assert "code" in note
    assert f"Note: {note}" in succeed(*arguments).splitlines()


def test_document_tells_what_is_in_the_file(folder, tmp_path):
    dest = tmp_path / "small.parquet"
    arguments = (folder / "big.parquet", dest, "--target=kind", "--factor=ok=20")
    document = json.loads(succeed(*arguments, "--sample-weight=w", "--json"))
    frame, small = make_frame(), pd.read_parquet(dest)
    for entry in document["classes"]:
        before = frame[frame["kind"] == entry["label"]]
        after = small[small["kind"] == entry["label"]]
        assert (entry["rows_before"], entry["rows"]) == (len(before), len(after))
        assert entry["weight_before"] == pytest.approx(before["w"].sum())
        assert entry["weight"] == pytest.approx(after["w"].sum())
    assert [entry["label"] for entry in document["classes"]] == ["a=b", "ok"]
    assert document["bytes_before"] == (folder / "big.parquet").stat().st_size
    assert document["bytes"] == dest.stat().st_size
    assert (document["random_state"], document["factor"]) == (SEED, {"ok": 20})
    assert {"python", "skstrat", "numpy", "pyarrow"} < document["versions"].keys()


@pytest.mark.slow
def test_table_and_batches(folder, tmp_path):
    dest = tmp_path / "it's.parquet"
    arguments = (folder / "big.parquet", dest, "--target=is_fraud", "--factor=20")
    code, out, err = finish(process(*arguments, "--sample-weight=w", "--key=id"))
    assert (code, err) == (0, "")
    frame, small = make_frame(), pd.read_parquet(dest)
    total = frame.groupby("is_fraud")["w"].sum()
    for label, before in frame["is_fraud"].value_counts().items():
        weight = f"{total[label]:,.2f}".removesuffix(".00")
        after = (small["is_fraud"] == label).sum()
        line = [str(label), f"{before:,}", f"{after:,}", weight, weight]
        assert line in [each.split() for each in out.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dest", "target", "options"),
    [
        ("it's.parquet", "y", []),
        ("small.csv", "label", ["--key=id"]),
        ("small.csv.gz", "flag", ["--sample-weight=w", "--weighting=factor"]),
        ("small.parquet", "label", ["--sample-weight=w"]),
    ],
)
def test_code_for_training_gives_the_prevalence(tmp_path, dest, target, options):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(80_000, 4)), columns=list("abcd"))
    score = frame["a"] + frame["b"] * frame["c"] - 4.5
    frame["y"] = (rng.random(len(frame)) < 1 / (1 + np.exp(-score))).astype(int)
    # As text, pandas would read a missing value and a number.
    frame["label"] = np.where(frame["y"] == 1, "NA", "007")
    frame["flag"] = frame["y"] == 1
    frame["id"] = rng.permutation(len(frame))
    frame["w"] = rng.integers(1, 5, len(frame)) / 2
    unused = {"y", "label", "flag"} - {target}
    seen, fresh = frame.drop(columns=list(unused))[:40_000], frame[40_000:]
    if "--key=id" not in options:
        seen = seen.drop(columns="id")
    if "--sample-weight=w" not in options:
        seen = seen.drop(columns="w")
    seen.to_parquet(tmp_path / "big.parquet")
    arguments = (tmp_path / "big.parquet", tmp_path / dest, f"--target={target}")
    out = succeed(*arguments, "--factor=20", *options)
    names = {}
    exec(out.partition("Train from it:")[2], names)
    assert names["X"].columns.tolist() == ["a", "b", "c", "d"]
    weights = fresh["w"] if "--sample-weight=w" in options else None
    prevalence = np.average(fresh["y"], weights=weights)
    fraud = frame[target][frame["y"] == 1].iloc[0]
    for model in (names["linear"], names["trees"]):
        (column,) = np.flatnonzero(model.classes_ == fraud)
        predicted = model.predict_proba(fresh[list("abcd")])[:, column]
        ratio = np.average(predicted, weights=weights) / prevalence
        # 2.3 for trees with the weights; the sample itself is good to 4 %.
        assert 0.8 < ratio < 1.25


WORDS = "--target=is_fraud --factor=20 "


@pytest.mark.parametrize(
    ("source", "dest", "options", "message"),
    [
        ("absent.parquet", "o.csv", WORDS, "source must name a file, a folder"),
        (None, "o.csv", WORDS, "source must name a file, a folder or a pattern; got"),
        (
            "no_rows.csv",
            "o.csv",
            WORDS,
            "(target (y) is 'is_fraud'): Found array with 0",
        ),
        ("broken.parquet", "o.csv", WORDS, "broken.parquet cannot be read"),
        ("unclosed.csv", "o.csv", WORDS, "unclosed.csv cannot be read: "),
        ("cut.csv.gz", "o.csv", WORDS, "cut.csv.gz cannot be read: Compressed file"),
        ("big.csv", "o.txt", WORDS, "dest must end in one of"),
        ("big.csv", "absent/o.csv", WORDS, "dest must be in a folder that exists"),
        ("weighted.parquet", "o.csv", WORDS, "name it as sample_weight to multiply"),
        ("big.csv", "o.csv", WORDS + "--key=no", "key must name a column"),
        (
            "big.csv",
            "o.csv",
            WORDS + "--sample-weight=no",
            "sample_weight must name a column",
        ),
        (
            "big.parquet",
            "o.csv",
            WORDS + "--sample-weight=negative",
            "sample_weight is 'negative'): sample_weight must be finite and not "
            "negative",
        ),
        (
            "big.csv",
            "o.csv",
            WORDS + "--sample-weight=text",
            "numbers must be written like 1.5; Failed to parse string: 'x'",
        ),
        ("big.csv", "o.csv", WORDS + "--key=one", "or leave key out to draw by"),
        (
            "big.parquet",
            "o.csv",
            WORDS + "--key=amount",
            "leave key out to draw by position",
        ),
        ("big.csv", "o.csv", "--target=no --factor=2", "target must name a column"),
        (
            "big.csv",
            "o.csv",
            "--target=one --factor=2",
            "(target (y) is 'one'): y must have at least two classes",
        ),
        (
            "big.csv",
            "o.csv",
            "--target=gap --factor=2",
            "(target (y) is 'gap'): y must have a label in every row",
        ),
        (
            "big.parquet",
            "o.csv",
            "--target=amount --factor=2",
            "y must hold class labels",
        ),
        (
            "big.csv",
            "o.csv",
            WORDS + "--strata=kind --strata=kind",
            "strata must name different columns",
        ),
        (
            "big.parquet",
            "o.csv",
            "--target=amount --strata=kind --factor=auto",
            "where y holds no class labels, for it is for a classifier; give a number.",
        ),
        ("big.csv", "o.csv", "--target=kind --factor=no=2", "['a=b', 'ok']; got 'no'"),
        (
            "big.parquet",
            "o.csv",
            "--target=flag --factor=1=2",
            "[False, True]; got '1'",
        ),
        (
            "big.parquet",
            "o.csv",
            "--target=is_fraud --factor=0=2 --factor=00=3",
            "[0, 1]; got '00', for the second time",
        ),
        (
            "big.csv",
            "o.csv",
            "--target=kind --factor=ok=2 --factor=ok=3",
            "LABEL=20 once for each",
        ),
        (
            "big.csv",
            "o.csv",
            WORDS + "--factor=3",
            "factor must be one finite number from",
        ),
        (
            "big.csv",
            "o.csv",
            WORDS + "--factor=1=3",
            "factor must be one finite number from",
        ),
        ("big.csv", "o.csv", "--target=kind --factor=ok", "or auto; got ok"),
        (
            "big.csv",
            "o.csv",
            "--target=kind --factor=ok=x",
            "or auto; got ok",
        ),
        (
            "big.csv",
            "o.csv",
            "--target=kind --factor=0.5",
            "one finite number from 1 on",
        ),
        (
            "big.csv",
            "o.csv",
            "--target=kind --factor=inf",
            "one finite number from 1 on",
        ),
        (
            "big.csv",
            "o.csv",
            "--target=kind --factor=nan",
            "one finite number from 1 on",
        ),
        ("big.csv", "o.csv", "--factor=20", "Missing option '--target'"),
        ("big.csv", "o.csv", "--target=kind", "Missing option '--factor'"),
        (
            "big.csv",
            "o.csv",
            WORDS + "--random-state=-1",
            "Invalid value for '--random-state'",
        ),
        (
            "big.csv",
            "o.csv",
            WORDS + f"--random-state={2**64}",
            "Invalid value for '--random-state'",
        ),
        ("big.csv", "o.csv", WORDS + "another.csv", "unexpected extra argument"),
    ],
)
def test_what_the_user_can_put_right(folder, tmp_path, source, dest, options, message):
    dest = tmp_path / dest
    source = "" if source is None else folder / source
    result = invoke(source, dest, *shlex.split(options))
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert result.output.count("\n") == 1
    for word in ("overwrite=", "sample_weight=", "expression"):
        assert word not in result.output
    assert list(tmp_path.iterdir()) == []


def test_labels_that_scikit_learn_does_not_take(tmp_path):
    days = pd.to_timedelta(np.repeat([1, 2], [90, 10]), unit="s")
    times = (pd.Timestamp("2024-01-01") + days).time
    frame = pd.DataFrame({"x": range(100), "when": times})
    frame.to_parquet(tmp_path / "times.parquet")
    dest = tmp_path / "small.parquet"
    arguments = (tmp_path / "times.parquet", dest, "--target=when", "--overwrite")
    named = (*arguments, "--factor=00:00:01=3")
    document = json.loads(succeed(*named, "--json"))
    rows = [(each["label"], each["rows"]) for each in document["classes"]]
    assert rows == [("00:00:01", 30), ("00:00:02", 10)]
    assert len(pd.read_parquet(dest)) == 40
    # Code that nobody could run is not printed.
    assert "Train from it" not in succeed(*named)
    unknown = invoke(*arguments, "--factor=1=3")
    assert "factor must name labels of the data" in unknown.output


def test_a_column_that_may_not_be_the_label(folder, tmp_path):
    dest = tmp_path / "small.parquet"
    out = succeed(folder / "big.parquet", dest, "--target=id", "--factor=20")
    assert len(out.splitlines()) <= 20
    assert "and 5,988 more" in out
    assert "Column 'id' has 6,000 different values: is it the label?" in out
    assert len(pd.read_parquet(dest)) == 6000


def test_nothing_reaches_the_terminal_raw(tmp_path):
    source, dest = tmp_path / "\x1b[31mbig.csv", tmp_path / "small\u202e.csv"
    labels = np.where(np.arange(100) % 10 == 0, "\x1b]0;owned\x07", "\x9b2Jok\u202e")
    frame = pd.DataFrame({"x": range(100), "y\x1b[1m": labels})
    frame.to_csv(source, index=False)
    arguments = (source, dest, "--target=y\x1b[1m", "--factor=3")
    out = succeed(*arguments)
    assert r"\x1b]0;owned" in out
    assert r"\x9b2Jok\u202e" in out
    exists = invoke(*arguments)
    absent = invoke(tmp_path / "\x1b[32mno.csv", dest, "--target=y", "--factor=3")
    broken = tmp_path / "\x1b[33m.parquet"
    broken.write_bytes(b"PAR1")
    unreadable = invoke(broken, tmp_path / "o.csv", "--target=y", "--factor=3")
    column = invoke(
        source, tmp_path / "o.csv", "--target=x", "--factor=3", "--key=\x1b"
    )
    for text in (out, *(each.output for each in (exists, absent, unreadable, column))):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    document = json.loads(succeed(*arguments, "--overwrite", "--json"))
    assert [each["label"] for each in document["classes"]] == sorted(set(labels))


def test_a_name_that_is_too_long_is_the_one_blamed(folder, tmp_path):
    long = "x" * 300 + ".parquet"
    source = invoke(tmp_path / long, tmp_path / "small.csv", *WORDS.split())
    assert source.exit_code == 2
    assert (
        source.output
        == f"Error: {tmp_path / long} cannot be read: File name too long\n"
    )
    dest = invoke(folder / "big.csv", tmp_path / long, *WORDS.split())
    assert dest.output.startswith(f"Error: {tmp_path / long} cannot be written: ")


def test_destination_that_exists(folder, tmp_path):
    dest = tmp_path / "small.parquet"
    dest.write_text("precious", encoding="utf-8")
    arguments = (folder / "big.parquet", dest, *WORDS.split())
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "dest exists already" in result.output
    assert "give overwrite to replace it" in result.output
    assert dest.read_text(encoding="utf-8") == "precious"
    failed = invoke(*arguments, "--key=gap", "--overwrite")
    assert failed.exit_code == 2
    assert dest.read_text(encoding="utf-8") == "precious"
    succeed(*arguments, "--overwrite")
    assert len(pd.read_parquet(dest)) < 600
    assert list(tmp_path.iterdir()) == [dest]


def test_source_is_never_the_destination(folder):
    source = folder / "big.parquet"
    before = source.read_bytes()
    result = invoke(source, source, *WORDS.split(), "--overwrite")
    assert result.exit_code == 2
    assert "dest must be another file than the source" in result.output
    assert source.read_bytes() == before


@pytest.fixture(scope="module")
def two_million_rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(2_000_000), "y": np.arange(2_000_000) % 9})
    frame.assign(y=frame["y"] == 0).to_parquet(path)
    return path


def stopped_while_writing(source, dest, sign, *options):
    """Send a signal as soon as something is written to a temporary file."""
    factor = ["--target=y", "--factor=1.01"]
    # A signal between two lines may leave a file to the garbage collector.
    running = process(
        source, dest, *factor, *options, warnings="ignore::ResourceWarning"
    )
    end = time.monotonic() + 60
    # Before, the reader is made, which some signals end with words of its own.
    while not any(each.stat().st_size for each in dest.parent.glob(".skstrat-*")):
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.001)
    running.send_signal(sign)
    return finish(running)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs the signal")
def test_killed_while_it_writes(two_million_rows, tmp_path):
    dest = tmp_path / "small.csv"
    code, out, _ = stopped_while_writing(two_million_rows, dest, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not out
    assert not dest.exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs the signal")
def test_killed_while_it_overwrites(two_million_rows, tmp_path):
    dest = tmp_path / "small.csv"
    dest.write_text("precious", encoding="utf-8")
    code, _, _ = stopped_while_writing(
        two_million_rows, dest, signal.SIGKILL, "--overwrite"
    )
    assert code == -signal.SIGKILL
    assert dest.read_text(encoding="utf-8") == "precious"


@pytest.mark.slow
def test_disk_that_is_full(folder, tmp_path):
    resource = pytest.importorskip("resource")
    dest = tmp_path / "small.csv"
    running = process(
        folder / "big.csv",
        dest,
        *WORDS.split(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    code, out, err = finish(running)
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: {dest} cannot be written: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.slow
def test_progress_on_a_terminal(two_million_rows, tmp_path):
    controller, terminal = os.openpty()
    dest = tmp_path / "small.parquet"
    arguments = [two_million_rows, dest, "--target=y", "--factor=2", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-c", START, "downsample", *arguments],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "150"},
    )
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(controller, 4096):
            shown += block
    except OSError:
        # Linux's way to say that the other end is closed.
        pass
    output, _ = running.communicate(timeout=60)
    os.close(controller)
    assert running.returncode == 0
    assert json.loads(output)["dest"] == str(dest)
    assert b"2,000,000 of 2,000,000 rows" in shown
    megabytes = f"{two_million_rows.stat().st_size / 1e6:.1f} MB".encode()
    assert megabytes + b" of " + megabytes in shown
    assert b"taking rows" in shown
    assert b"reading labels" in shown


def test_help_has_an_example_and_no_line_too_long():
    text = CliRunner().invoke(
        skstrat_command, ["downsample", "--help"], env={"COLUMNS": "80"}
    )
    lines = text.output.splitlines()
    assert len(lines) < 50
    assert max(map(len, lines)) <= 80
    example = lines[-1].split()
    assert example[:2] == ["skstrat", "downsample"]
    for option in ("--target", "--factor", "--weighting", "--strata", "--key"):
        assert option in text.output


def test_summaries_of_commands_are_whole():
    text = CliRunner().invoke(skstrat_command, ["--help"], env={"COLUMNS": "80"})
    commands = " ".join(text.output.partition("Commands:")[2].split())
    assert "..." not in commands
    assert "with weights for the rest." in commands
