"""Eval sets are read in every form, and written back in the same."""

import pytest

from skstrat.classifiers._eval_sets import read_eval_sets, with_eval_sets

A, B = ([[1], [2]], [0, 1]), ([[3]], [1])


def in_halves(params):
    """Change X and y of every set, to see them come back."""
    return with_eval_sets(params, [(X[:1], y[:1]) for X, y in read_eval_sets(params)])


@pytest.mark.parametrize(
    ("params", "sets", "back"),
    [
        ({}, [], {}),
        ({"eval_set": None, "verbose": 1}, [], {"eval_set": None, "verbose": 1}),
        ({"eval_set": []}, [], {"eval_set": []}),
        ({"eval_set": A}, [A], {"eval_set": [([[1]], [0])]}),
        ({"eval_set": [A, list(B)]}, [A, B], {"eval_set": [([[1]], [0]), B]}),
        ({"eval_set": (A, B)}, [A, B], {"eval_set": [([[1]], [0]), B]}),
        (
            {"eval_X": A[0], "eval_y": A[1]},
            [A],
            {"eval_X": [[1]], "eval_y": [0]},
        ),
        (
            {"eval_X": (A[0], B[0]), "eval_y": (A[1], B[1])},
            [A, B],
            {"eval_X": ([[1]], [[3]]), "eval_y": ([0], [1])},
        ),
        ({"X_val": A[0], "y_val": A[1]}, [A], {"X_val": [[1]], "y_val": [0]}),
    ],
    ids=str,
)
def test_every_form_is_read_and_written_back(params, sets, back):
    assert read_eval_sets(params) == sets
    assert in_halves(params) == back


def test_pools_are_handed_through():
    catboost = pytest.importorskip("catboost")
    pool = catboost.Pool(*A)
    for given, own in [(pool, [pool]), ([A, pool], [A, pool]), ("a.csv", ["a.csv"])]:
        sets = read_eval_sets({"eval_set": given})
        assert sets[-1] == (own[-1], None)
        assert with_eval_sets({"eval_set": given}, sets) == {"eval_set": own}


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"eval_set": A, "eval_X": A[0]}, "given once; got eval_set and eval_X/eval_y"),
        ({"eval_X": A[0]}, "eval_X and eval_y must be given together; got no eval_y"),
        ({"eval_X": A[0], "eval_y": (A[1],)}, "both be tuples .* list of 2 and tuple"),
        ({"eval_set": [*A, 3]}, "pair .* got int for a pair"),
        ({"eval_set": (A[0],)}, "pair .* got tuple of 1 for a pair"),
    ],
    ids=str,
)
def test_other_forms_are_refused(params, text):
    with pytest.raises(ValueError, match=text):
        read_eval_sets(params)
