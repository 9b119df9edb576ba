"""Reading tables: every format gives the same, and bad input says what is wrong."""

import gzip

import numpy as np
import pandas as pd
import pytest

from skstrat import DownsampleUpweight
from skstrat.cli._tables import (
    TARGET,
    TableError,
    check_folds,
    demo_table,
    make_table,
    read_table,
)
from skstrat.io import resample_file


def small_frame():
    return pd.DataFrame(
        {
            "amount": [1.5, np.nan, 3.0, 4.0, 5.0, 6.0],
            "shop": ["a", "b", None, "a", "b", "a"],
            "fraud": ["no", "no", "yes", "no", "no", "yes"],
        }
    )


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.zip", "T.CSV", "t.tsv", "t.parquet"])
def test_every_format_gives_the_same_table(tmp_path, name):
    table = read_table(write(small_frame(), tmp_path / name), "fraud")
    assert table.features.columns.tolist() == ["amount", "shop"]
    assert table.features["amount"].isna().sum() == 1
    assert table.features["shop"].isna().sum() == 1
    assert table.labels.classes.tolist() == ["no", "yes"]
    assert table.labels.counts.tolist() == [4, 2]


@pytest.mark.parametrize(
    "labels", [[0, 0, 1], [1, 1, 0], ["b", "b", "a"], [True, True, False], [2.0, 2, 1]]
)
def test_the_smaller_of_two_classes_is_positive(labels):
    frame = pd.DataFrame({"x": range(3), "y": labels})
    assert make_table(frame, "y", source="here").codes().tolist() == [0, 0, 1]


def test_three_classes_are_coded_by_position():
    frame = pd.DataFrame({"x": range(6), "y": ["c", "c", "a", "b", "b", "b"]})
    table = make_table(frame, "y", source="here")
    assert table.codes().tolist() == [2, 2, 0, 1, 1, 1]
    assert table.smallest == 0


def test_degree_is_that_of_the_smallest_class():
    frame = pd.DataFrame({"x": range(200), "y": [0] * 100 + [1] * 99 + [2]})
    assert make_table(frame, "y", source="here").degree == "extreme"


def test_the_closest_column_is_named(tmp_path):
    path = write(small_frame(), tmp_path / "t.csv")
    with pytest.raises(TableError, match=r"no column 'fruad' in .*closest: 'fraud'"):
        read_table(path, "fruad")


def test_columns_are_named_where_none_is_close(tmp_path):
    frame = pd.DataFrame([range(20)], columns=[f"column_{i}" for i in range(20)])
    path = write(frame, tmp_path / "t.csv")
    with pytest.raises(TableError, match=r"there are: 'column_0', .* and 8 more"):
        read_table(path, "zzz")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, 1, 1, 1], r"'y' cannot be the target: .*at least two classes; got one"),
        (["a", None, "b", None], r"'y' must have a label in every row; 2 of 4 are mis"),
        ([0.1, 0.2, 0.3, 0.4], r"'y' cannot be the target: .*continuous"),
    ],
)
def test_columns_that_cannot_be_the_target(column, message):
    frame = pd.DataFrame({"x": range(4), "y": column})
    with pytest.raises(TableError, match=message):
        make_table(frame, "y", source="here")


@pytest.mark.parametrize("features", [{}, {"x": [np.nan] * 4}])
def test_nothing_to_learn_from(features):
    frame = pd.DataFrame({**features, "y": [0, 0, 1, 1]})
    with pytest.raises(TableError, match="no column with values besides the target"):
        make_table(frame, "y", source="here")


def test_columns_of_the_same_name():
    frame = pd.DataFrame([[1, 2, 0], [1, 2, 1]], columns=["a", "a", "y"])
    with pytest.raises(TableError, match=r"names must differ; here has \['a'\] twice"):
        make_table(frame, "y", source="here")


@pytest.mark.parametrize(
    ("rows", "advice"), [(1, "leave that class out"), (3, "use --folds 3 or fewer")]
)
def test_fewer_rows_than_folds(rows, advice):
    labels = ["big"] * 9 + ["small"] * rows
    table = make_table(
        pd.DataFrame({"x": range(len(labels)), "y": labels}), "y", source="here"
    )
    with pytest.raises(
        TableError, match=rf"'small' of 'y' has {rows} .*5 fo.*{advice}"
    ):
        check_folds(table, 5)


def test_a_column_of_numbers_is_taken_for_no_label():
    frame = pd.DataFrame({"x": range(30), "row": range(30)})
    table = make_table(frame, "row", source="here")
    with pytest.raises(TableError, match="30 different values: is it the label"):
        check_folds(table, 5)


def test_too_many_classes_to_compare():
    frame = pd.DataFrame({"x": range(25_000), "y": np.arange(25_000) % 5000})
    table = make_table(frame, "y", source="here")
    text = r"^column 'y' has 5,000 different values: is it the label\? At most 1,000"
    with pytest.raises(TableError, match=text):
        check_folds(table, 5)


def test_as_many_rows_as_folds_are_enough():
    check_folds(
        make_table(
            pd.DataFrame({"x": range(7), "y": [0] * 4 + [1] * 3}), "y", source="here"
        ),
        3,
    )


def broken_files():
    good = b"a,b\n1,2\n3,4\n" * 100
    return {
        "empty.csv": b"",
        "ragged.csv": b"a,b\n1,2\n1,2,3,4\n",
        "no_text.csv": b"a,b\n\xff\x00,1\n",
        "not_gzip.csv.gz": good,
        "cut.csv.gz": gzip.compress(good)[:-20],
        "damaged.csv.gz": gzip.compress(good)[:15] + b"\xff" * 30,
        "text.parquet": good,
        "empty.parquet": b"",
    }


def test_labels_of_csv_are_text_unless_all_are_integers(tmp_path):
    columns = {
        "word": ["None", "NA", "null", "nan", "NA"],
        "code": ["007", "1", "1_2", "007", "1"],
        "count": ["7", "1", "-2", "7", "1"],
        "gap": ["NA", "", "x", "x", "NA"],
        "x": ["NA", "1", "2.5", "", "3"],
    }
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    for target in ("word", "code"):
        table = read_table(tmp_path / "t.csv", target)
        assert table.labels.classes.tolist() == sorted(set(columns[target]))
        assert table.features["x"].isna().sum() == 2
    counts = read_table(tmp_path / "t.csv", "count").labels
    assert counts.classes.tolist() == [-2, 1, 7]
    with pytest.raises(TableError, match="1 of 5 are missing"):
        read_table(tmp_path / "t.csv", "gap")


def test_a_quoted_field_of_nothing_is_a_label(tmp_path):
    (tmp_path / "t.csv").write_text('x,y\n1,""\n2,a\n3,""\n', encoding="utf-8")
    labels = read_table(tmp_path / "t.csv", "y").labels
    assert labels.classes.tolist() == ["", "a"]
    assert labels.counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,a\n2\n3,b\n", r"t.csv cannot be read: .*Row #3: Expected 2 columns"),
        # With names of rows, which the header lacks.
        ("x,y\nb,5,0\na,6,1\n", r"t.csv cannot be read: .*2 columns, got 3: b,5,0"),
        ("x,x,y\n1,1,a\n2,2,b\n", r"Column names must differ; .*t.csv has \['x'\]"),
    ],
)
def test_csv_that_the_other_command_refuses_is_refused(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=message):
        read_table(path, "y")
    with pytest.raises(ValueError, match=message):
        resample_file(
            path, tmp_path / "s.csv", target="y", resampler=DownsampleUpweight(factor=2)
        )


@pytest.mark.parametrize("name", broken_files())
def test_unreadable_files_give_one_line(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(broken_files()[name])
    with pytest.raises(
        TableError, match=f"{name} (cannot be read: .|is empty)"
    ) as caught:
        read_table(path, "b")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.csv", "absent.csv does not exist"),
        ("folder.csv", "folder.csv is not a file"),
        ("x" * 300 + ".csv", "xxx.csv cannot be read: File name too long"),
        ("table.xlsx", r"unknown kind; its name must end in one of \.csv, \.csv\.gz"),
    ],
)
def test_files_that_are_none(tmp_path, name, message):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match=message):
        read_table(tmp_path / name, "y")


def test_demo_table_is_what_it_says():
    table, again = demo_table(), demo_table()
    assert table.target == TARGET
    negatives, positives = table.labels.counts
    assert negatives == 200 * positives
    assert table.degree == "extreme"
    assert table.features.isna().any().sum() >= 2
    assert table.features.select_dtypes("number").shape[1] >= 3
    assert not pd.api.types.is_numeric_dtype(table.features["shop"])
    pd.testing.assert_frame_equal(table.features, again.features)
