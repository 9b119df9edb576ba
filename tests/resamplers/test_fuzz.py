"""Random inputs against contracts C1 to C3, stated once more in plain Python.

SKSTRAT_FUZZ_INPUTS and SKSTRAT_FUZZ_SEED give other inputs.
"""

import os
import random
import warnings
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from math import exp, inf, log, nan
from statistics import fmean
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from xxhash import xxh64_intdigest

from skstrat import CombinedResample, DownsampleUpweight, RandomOversample

INPUTS = int(os.environ.get("SKSTRAT_FUZZ_INPUTS", "2000"))
SEED = int(os.environ.get("SKSTRAT_FUZZ_SEED", "0"))
PARTS = 8

pd, pl, pa = (
    import_module(name) if find_spec(name) else None
    for name in ("pandas", "polars", "pyarrow")
)


def hash_of(identity, seed):
    mixed = xxh64_intdigest(seed.to_bytes(8, "little"), 42)
    if isinstance(identity, str):
        return xxh64_intdigest(identity.encode(), mixed)
    return xxh64_intdigest((identity % 2**64).to_bytes(8, "little"), mixed)


def copies_of(members, wanted, seed):
    """Count how often each identity of a cell is drawn."""
    whole, more = divmod(wanted, len(members))
    first = sorted(members, key=lambda each: hash_of(each, seed))[:more]
    return Counter(dict.fromkeys(members, whole)) + Counter(first)


def rows_wanted(cls, params, n):
    """Read the user's words, for the rows n of each class, in sorted order."""
    smallest, biggest = min(n, key=n.get), max(n, key=n.get)
    down, over = cls is DownsampleUpweight, cls is RandomOversample
    level = n[smallest if down else biggest]
    factor = params.get("factor", params.get("times"))
    asked = params.get("sampling_strategy")
    asked = asked(None) if callable(asked) else asked
    if factor is not None:
        one = {biggest if down else smallest: factor}
        by = {**dict.fromkeys(n, 1), **(factor if type(factor) is dict else one)}
        return {c: max(1, round(n[c] / by[c] if down else n[c] * by[c])) for c in n}
    if cls is CombinedResample and asked is None:
        b, mean = params.get("balance", 0.5), exp(fmean(map(log, n.values())))
        return {c: max(1, round(n[c] ** (1 - b) * mean**b)) for c in n}
    if type(asked) is dict:
        wanted = {**n, **asked}
    elif type(asked) is float:
        wanted = dict.fromkeys(n, round(level / asked if down else level * asked))
    elif asked is None and down:
        wanted = dict.fromkeys(n, max(10 * level, 10_000))
    else:
        of_word = {"majority": {biggest}, "minority": {smallest}}
        of_word |= {f"not {word}": {*n} - own for word, own in of_word.items()}
        touched = of_word.get(asked, n)
        wanted = {c: level if c in touched else n[c] for c in n}
    clip = min if down else max if over else lambda asked, _: asked
    return {c: clip(wanted[c], n[c]) for c in n}


def sums(keys, values):
    total = dict.fromkeys(keys, 0.0)
    for key, value in zip(keys, values, strict=True):
        total[key] += value
    return total


def scaled(weights, sets, totals):
    held = sums(sets, weights)
    return [w * (totals[own] / held[own]) for w, own in zip(weights, sets, strict=True)]


def joined(units, n):
    """Name the set of each cell of a class; cells of few units have one together."""
    sets, held = {}, 0
    for whole, own, cell in sorted((units[c] % n[c] == 0, units[c], c) for c in units):
        sets[cell] = None if held < 20 or (own < 20 and not whole) else cell
        held += own
    return sets


def draw(case):
    """Say which rows are drawn, and how often; or which error is raised."""
    target, size, params = case.labels, len(case.labels), case.params
    strata = case.strata or [0] * size
    if params.get("y_numeric"):
        target, strata = strata, [0] * size
    rows = [i for i in range(size) if case.weight[i] > 0]
    n = dict(sorted(Counter(target[i] for i in rows).items()))
    if len(n) < 2:
        case.error = "at least two"
        return
    wanted = rows_wanted(case.cls, params, n)
    # A group is drawn at the highest rate of its classes. Else each row is a unit.
    unit, kind, members = case.groups or range(size), {}, {}
    for i in rows:
        own = (-wanted[target[i]] / n[target[i]], target[i], strata[i])
        kind[unit[i]] = min(own, kind.get(unit[i], own))
    for name, (_, *own) in kind.items():
        members.setdefault(tuple(own), []).append(name)
    n_units = {own: len(names) for own, names in members.items()}
    exact = {own: k * (wanted[own[0]] / n[own[0]]) for own, k in n_units.items()}
    units = {own: max(1, round(exact[own])) for own in exact}
    copies = Counter()
    for own, names in members.items():
        copies += copies_of(names, units[own], params["random_state"])
    case.drawn = [i for i in rows for _ in range(copies[unit[i]])]
    if len({target[i] for i in case.drawn}) < len(n):
        case.error = "groups leave no row of class"
    case.n, case.rows, case.target, case.unit = n, rows, target, unit
    case.n_units, case.units = n_units, units
    case.several = len({strata[i] for i in rows}) > 1
    case.kind = {i: kind[unit[i]][1:] for i in rows}
    # A cell is named by class and stratum; with groups the deciding class comes second.
    case.cell = {i: own[: 1 + case.several] for i, own in case.kind.items()}
    if case.groups:
        case.cell = {i: (target[i], *own) for i, own in case.cell.items()}
    elif not case.several:
        case.cell = {i: target[i] for i in rows}
    expect_warnings(case, exact)


def expect_warnings(case, exact):
    asked = [case.params.get(name) for name in ("factor", "times", "sampling_strategy")]
    asked = [each(None) if callable(each) else each for each in asked]
    asked.append(case.params["weighting"])
    absent = any(type(each) is dict and each.keys() - case.n for each in asked)
    case.warns = {"AbsentClassWarning"} if absent else set()
    by_class = [own[0] for own in exact]
    asked, got = sums(by_class, exact.values()), sums(by_class, case.units.values())
    off = [abs(got[c] / asked[c] - 1) for c in got if by_class.count(c) > 1]
    # Exactly a quarter does not warn.
    if max(off, default=0) > 0.25 + 1e-9:
        case.warns.add("SmallStrataWarning")


def weigh(case):
    """Say what the rows drawn weigh."""
    kind, n, n_units, units = case.kind, case.n, case.n_units, case.units
    before = [case.weight[i] for i in case.rows]
    weighting = case.params["weighting"]
    if weighting == "uniform":
        return [case.weight[i] for i in case.drawn]
    made = [case.weight[i] * (n_units[kind[i]] / units[kind[i]]) for i in case.drawn]
    if weighting == "factor":
        return made
    sets = dict(enumerate(case.target))
    if case.groups is None:
        of_kind = {}
        for c in n:
            own = joined({k: units[k] for k in units if k[0] == c}, n_units)
            of_kind |= {k: (c, name) for k, name in own.items()}
        sets = {i: of_kind[kind[i]] for i in case.rows}
    totals = sums([sets[i] for i in case.rows], before)
    made = scaled(made, [sets[i] for i in case.drawn], totals)
    if case.groups and case.several:
        made = raked(case, made, totals)
    if weighting == "original":
        return made
    share = dict.fromkeys(n, 1) if weighting == "balanced" else weighting
    unit = sum(before) / sum(share[c] for c in n)
    wish = {c: share[c] * unit for c in n}
    return scaled(made, [case.target[i] for i in case.drawn], wish)


def raked(case, start, totals):
    """Give strata of many groups their totals, too, if weights can have both."""
    units = sums([own[1] for own in case.units], case.units.values())
    sets = joined(units, dict.fromkeys(units, inf))
    of_row = {i: sets[case.kind[i][1]] for i in case.rows}
    wish = sums(list(of_row.values()), [case.weight[i] for i in of_row])
    made, of_drawn = start, [of_row[i] for i in case.drawn]
    for _ in range(100):
        made = scaled(made, of_drawn, wish)
        made = scaled(made, [case.target[i] for i in case.drawn], totals)
        held = sums(of_drawn, made)
        if all(abs(held[own] / wish[own] - 1) <= 1e-10 for own in wish):
            return made
    return start


NAMES = {
    "integers": range(-60, 60),
    "large": range(2**63, 2**63 + 9),
    "positions": range(5),
    "texts": ["", "10", "9", "B", "a", "aa", "ü", "z z", "é"],
    "booleans": [False, True],
    "floats": [-1.0, 0.0, 2.0, 5.0, 1e9],
    "bytes": [b"a", b"b", b"c", b"d", b"e"],
}
Y = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda y: np.array(y, dtype=object),
    "column": lambda y: np.array(y)[:, np.newaxis],
    "sparse": lambda y: sparse.csr_array(np.eye(5)[y]),
}
X = {
    "lists": lambda data: [[i, "text", None] for i in data["id"]],
    "array": lambda data: np.column_stack([data["id"], np.full(len(data["id"]), nan)]),
    "columns": lambda data: np.asfortranarray(np.column_stack([data["id"]] * 3)),
    "deep": lambda data: np.multiply.outer(data["id"], np.ones((2, 3))),
    "csr": lambda data: sparse.csr_array(np.column_stack([data["id"]] * 2)),
    "coo": lambda data: sparse.coo_array(np.column_stack([data["id"]] * 2)),
    "dict": lambda data: {name: np.array(data[name]) for name in data},
}
WEIGHTS = [list, np.array]
if pd:
    Y["Series"] = lambda y: pd.Series(y, index=range(7, 7 + len(y)), dtype=object)
    Y["nullable"] = lambda y: pd.Series(y).convert_dtypes()
    Y["categories"] = lambda y: pd.Series(
        y, dtype=pd.CategoricalDtype([*dict.fromkeys(y)])
    )
    X["pandas"] = lambda data: pd.DataFrame(data, index=range(3, 3 + len(data["id"])))
    WEIGHTS.append(lambda weight: pd.Series(weight, index=range(len(weight))[::-1]))
if pl:
    Y["polars"] = lambda y: pl.Series("y", y)
    X["polars"] = pl.DataFrame
if pa:
    Y["chunks"] = lambda y: pa.chunked_array(np.split(np.array(y), [1]))
    X["arrow"] = pa.table
TABLES = {"dict", "pandas", "polars", "arrow"}
FAULTS = [
    ("must be finite and not negative", "sample_weight", lambda y: [1.0, -1.0, *y[2:]]),
    ("must be finite and not negative", "sample_weight", lambda y: [1.0, nan, *y[2:]]),
    ("must be finite and not negative", "sample_weight", lambda y: [1.0, inf, *y[2:]]),
    ("a positive weight in some row", "sample_weight", lambda y: [0.0] * len(y)),
    ("one weight per row of X", "sample_weight", lambda y: [*y, 1.0]),
    ("sample_weight must be numbers", "sample_weight", lambda y: ["1"] * len(y)),
    ("requires y to be passed", "y", lambda y: None),
    ("1 of .* are missing", "y", lambda y: [*y[1:], None]),
    ("at least two classes", "y", lambda y: [y[0]] * len(y)),
    ("labels of one type", "y", lambda y: ["a", *y[1:]]),
    ("not whole", "y", lambda y: [y[0] + 0.5, *y[1:]]),
    ("inconsistent numbers of samples", "y", lambda y: y[1:]),
    ("Give either", "factor", lambda y: 2.0),
    ("finite number >= 1", "factor", lambda y: {y[0]: 0.5}),
    ("finite number >= 1", "factor", lambda y: {y[0]: nan}),
    ("'factor' parameter of", "factor", lambda y: 0.5),
    ("whole number of rows >= 1", "sampling_strategy", lambda y: {y[0]: 0}),
    ("whole number of rows >= 1", "sampling_strategy", lambda y: {y[0]: 1.5}),
    ("'sampling_strategy' parameter of", "sampling_strategy", lambda y: "most"),
    ("'sampling_strategy' parameter of", "sampling_strategy", lambda y: 1.5),
    ("'weighting' parameter of", "weighting", lambda y: "mean"),
    ("a share for every class", "weighting", lambda y: {y[0]: 1.0}),
    ("a positive share", "weighting", lambda y: dict.fromkeys(y, 0)),
    ("'random_state' parameter of", "random_state", lambda y: -1),
    ("strata must have one value per row", "strata", lambda y: np.array(y[1:])),
    ("groups must have one value per row", "groups", lambda y: np.array(y[1:])),
    ("strata must have a value in every", "strata", lambda y: np.array([nan, *y[1:]])),
    ("strata must hold one label per row", "strata", lambda y: np.array(y) + 0.5),
    ("groups must hold integers", "groups", lambda y: np.array(y) + 1e300),
    ("groups must lie within one stratum", "groups", lambda y: np.array(y) * 0),
]
OWN = {DownsampleUpweight: "factor", RandomOversample: "times"}
WORDS = ["auto", "not minority", "not majority", "all"]


def random_words(rng, cls, n):
    """Choose how many rows are wanted: by default, the own argument, or a strategy."""
    rows = {c: rng.randint(1, 2 * max(n.values())) for c in n if rng.random() < 0.7}
    if cls is CombinedResample:
        return rng.choice([{}, {"balance": rng.random()}, {"sampling_strategy": rows}])
    by_class = {c: rng.uniform(1, 6) for c in n if rng.random() < 0.7}
    word = rng.choice([*WORDS, "majority" if cls is DownsampleUpweight else "minority"])
    asked = rng.choice([word, rng.uniform(0.02, 1), rows, lambda y: rows])
    own = rng.choice([1, rng.uniform(1, 9), rng.uniform(1, 300), by_class])
    return rng.choice([{}, {OWN[cls]: own}, {"sampling_strategy": asked}])


def random_labels(rng, size, y_kind):
    kinds = {"sparse": ["positions"]}.get(y_kind, [*NAMES])
    if y_kind in ("polars", "chunks", "nullable"):
        kinds.remove("bytes")  # objects there
    names = NAMES[rng.choice(kinds)]
    names = sorted(rng.sample(names, min(len(names), size, rng.randint(2, 5))))
    shares = [rng.random() ** 3 for _ in names]
    labels = [*names, *rng.choices(names, shares, k=size - len(names))]
    rng.shuffle(labels)
    return labels


def random_case(rng):
    size = rng.choice([rng.randint(4, 40), rng.randint(40, 600)])
    size = 5000 if rng.random() < 0.02 else size
    y_kind, x_kind, cls = (
        rng.choice(list(each)) for each in (Y, X, [*OWN, CombinedResample])
    )
    labels = random_labels(rng, size, y_kind)
    case = SimpleNamespace(cls=cls, labels=labels, weight=[1.0] * size, error=None)
    case.groups = case.strata = None
    case.params = {"random_state": rng.choice([0, 1, rng.getrandbits(64)])}
    y, weight = Y[y_kind](labels), None
    some, number = (
        rng.choice([range(4), ["N", "S", "é"], range(-1, 400)]),
        rng.randint(1, size),
    )
    if rng.random() < 0.3:
        whole = [rng.randint(-(2**63), 2**63 - 1) for _ in range(number)]
        case.groups = rng.choices(rng.choice([whole, list(map(str, whole))]), k=size)
        if rng.random() < 0.5:
            case.strata = [some[hash_of(each, 0) % 3] for each in case.groups]
    elif rng.random() < 0.4:
        case.strata = rng.choices(some, k=size)
    data = {"id": list(range(size))}
    for name in ("strata", "groups"):
        values = data[name] = vars(case)[name] or [0] * size
        ways = [np.array(values), lambda X, y, values=values: values, name]
        if vars(case)[name]:
            case.params[name] = rng.choice(ways[: 3 if x_kind in TABLES else 2])
    if rng.random() < 0.6:
        zero, scale = rng.choice([0, 0.1, 0.6]), 10.0 ** rng.choice([0, 0, 150, -150])
        case.weight = [
            scale * rng.lognormvariate(0, 1) * (rng.random() >= zero) for _ in labels
        ]
        case.weight[0] = 1.0
        weight = rng.choice(WEIGHTS)(case.weight)
    if case.strata and rng.random() < 0.2:
        case.params["y_numeric"], y = True, [rng.random() for _ in labels]
    n = Counter(case.strata if "y_numeric" in case.params else labels)
    case.params |= random_words(rng, case.cls, n)
    weightings = [
        "original",
        "balanced",
        "uniform",
        "factor",
        {c: rng.random() for c in n},
    ]
    case.params["weighting"] = rng.choice(weightings)
    case.given = {"X": X[x_kind](data), "y": y, "sample_weight": weight}
    return case


def faulty_case(rng):
    """Make one fault, for the error that names it."""
    y = [*rng.choices([0, 1, 2], k=rng.randint(20, 60)), 0, 1]
    error, name, change = rng.choice(FAULTS)
    params = {"strata": np.arange(len(y))} if "within one" in error else {}
    params |= {"sampling_strategy": "all"} if "either" in error else {}
    given = {"X": [[i] for i in y], "y": y, "sample_weight": None}
    (given if name in given else params)[name] = change(y)
    return SimpleNamespace(
        cls=DownsampleUpweight, params=params, given=given, error=error
    )


def values_of(data):
    """List labels, or the identities of rows."""
    if type(data) is dict or hasattr(data, "columns"):
        data = data["id"]
    if hasattr(data, "to_pylist"):
        return data.to_pylist()
    if sparse.issparse(data):
        return (data @ np.arange(data.shape[1])).tolist()
    if isinstance(data, (list, tuple)):
        return [each[0] if type(each) is list else each for each in data]
    return np.asarray(data).reshape(len(data), -1)[:, 0].tolist()


def check(case, rng):
    if case.error is None:
        draw(case)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        resampler = case.cls(**case.params)
        if case.error:
            with pytest.raises((ValueError, TypeError), match=case.error):
                resampler.fit_resample(**case.given)
            return
        X_made, y_made, weights = resampler.fit_resample(**case.given)
    assert {each.category.__name__ for each in seen} == case.warns
    X, y = case.given["X"], case.given["y"]
    assert (type(X_made), type(y_made)) == (type(X), type(y))
    assert resampler.sample_indices_.tolist() == values_of(X_made) == case.drawn
    assert values_of(y_made) == list(map(values_of(y).__getitem__, case.drawn))
    of_class = [case.target[i] for i in case.drawn]
    assert resampler.sampling_strategy_ == Counter(of_class)
    assert weights.dtype == np.float64
    assert ((weights > 0) & np.isfinite(weights)).all()
    np.testing.assert_allclose(
        weights, weigh(case), rtol=1e-8 if case.groups else 1e-11
    )
    check_blocks(case, resampler.plan_, weights, rng)


def check_blocks(case, plan, weights, rng):
    """Decide two blocks of the data by the plan, which gives the same rows."""
    cut, rows, made = rng.randrange(len(case.rows)), [], []
    for block in (case.rows[:cut], case.rows[cut:]):
        codes = np.array([plan.classes.index(case.cell[i]) for i in block], dtype=int)
        key = np.array([case.unit[i] for i in block]) if block else None
        found, factors = plan.select(codes, key=key)
        rows += [block[place] for place in found]
        made += factors.tolist()
    assert rows == case.drawn
    assert (
        np.multiply(made, [case.weight[i] for i in rows]).tolist() == weights.tolist()
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_random_inputs_give_what_the_contracts_say(part):
    for number in range(part, INPUTS, PARTS):
        rng = random.Random(f"{SEED} {number}")
        case = random_case(rng) if rng.random() < 0.9 else faulty_case(rng)
        try:
            check(case, rng)
        except BaseException as error:
            error.add_note(f"Input {number} of seed {SEED}: {vars(case)}")
            raise
