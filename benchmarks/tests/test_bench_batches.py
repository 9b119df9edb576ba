"""The benchmarks of balanced batches: ways, floor, memory, and runs to a log loss."""

import gc
import json
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skstrat import BalancedBatches

torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_metric_learning")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the modules of the two benchmarks by name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    names = (
        "batch_floor",
        "batch_ways",
        "bench_batches",
        "bench_convergence",
        "convergence_arms",
        "convergence_data",
        "convergence_runs",
        "held_memory",
    )
    modules = {name: import_module(name) for name in names}
    # Else each collection looks through all that was imported.
    gc.freeze()
    yield SimpleNamespace(**modules)
    gc.unfreeze()


def run(module, monkeypatch, path, *arguments):
    """Run a benchmark in this process, which has imported torch, and read its JSON."""
    monkeypatch.setattr("sys.argv", [module.__name__, "--json", str(path), *arguments])
    threads = torch.get_num_threads()
    try:
        code = module.main()
    finally:
        torch.set_num_threads(threads)
    return code, json.loads(path.read_text(encoding="utf-8"))


def expected_ways(bench, case):
    """Name the ways that a case can be drawn in."""
    y = np.arange(case.n_classes)
    ways, left_out = bench.batch_ways.make_ways(y, case.batch_size)
    return set(ways), set(left_out)


@pytest.mark.slow
def test_drawing_measures_every_way_of_every_case(bench, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("timing.SHORTEST", 0.0)
    small = "--max-rows", "2000", "--rounds", "1"
    code, result = run(bench.bench_batches, monkeypatch, tmp_path / "b.json", *small)
    assert code == 0
    cases = bench.bench_batches.list_cases(2000)
    assert len(cases) == 4
    for case in cases:
        rows = {row["way"]: row for row in result["cases"] if row["case"] == str(case)}
        ways, left_out = expected_ways(bench, case)
        assert set(rows) == ways
        assert set(result["left_out"][str(case)]) == left_out
        for row in rows.values():
            assert row["served"] > 0
            assert row["ns_per_row"] == pytest.approx(
                row["epoch_s"] / row["served"] * 1e9
            )
            assert row["held_epoch"] > 0
        # Of one round the ratio is that of the two timings, per row.
        ours = rows["BalancedBatches"]
        for row in rows.values():
            expected = row["ns_per_row"] / ours["ns_per_row"]
            assert row["to_ours"] == pytest.approx(expected)
        assert ours["to_floor"] > 0
    # One line a way, under the headings.
    assert len(capsys.readouterr().out.splitlines()) == len(result["cases"]) + 1


def test_drawing_results_have_every_case(bench):
    path = BENCHMARKS / "results" / "batches.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    measured = {(row["case"], row["way"]) for row in result["cases"]}
    cases = bench.bench_batches.list_cases(10**9)
    assert len(cases) == 8
    assert measured == {
        (str(case), way) for case in cases for way in expected_ways(bench, case)[0]
    }
    judged = [row for row in result["cases"] if row["verdict"] != "-"]
    assert {(row["way"], row["rows"]) for row in judged} == {("BalancedBatches", 10**7)}
    assert len(judged) == 4


@pytest.mark.parametrize(("n_classes", "batch_size"), [(2, 256), (10, 256), (7, 9)])
@pytest.mark.parametrize("shuffles_all", [True, False])
def test_floor_serves_the_quotas_of_balanced_batches(
    bench, n_classes, batch_size, shuffles_all
):
    case = bench.bench_batches.Case(5000, n_classes, batch_size)
    y = bench.bench_batches.make_labels(case)
    ours = BalancedBatches(y, batch_size=batch_size, random_state=0)
    floor = bench.batch_ways._floor(y, batch_size, shuffles_all)
    times = np.zeros(len(y), dtype=int)
    for _ in range(3):
        batches = list(floor)
        for mine, theirs in zip(ours, batches, strict=True):
            assert_array_equal(
                np.bincount(y[theirs], minlength=n_classes),
                np.bincount(y[mine], minlength=n_classes),
            )
        served = np.bincount(np.concatenate(batches), minlength=len(y))
        assert (served[y == floor.lead] == 1).all()
        order = np.concatenate(batches)
        assert (np.diff(order[y[order] == floor.lead]) < 0).any()
        # Classes go on in the next epoch where they stopped.
        times += served
        assert all(np.ptp(times[y == code]) <= 1 for code in range(n_classes))


def test_floor_carries_permutations_over(bench):
    y = np.repeat([0, 1], [64, 5])
    floor = bench.batch_floor.Floor(y, np.array([4, 2]), np.array([4, 2]), 16, True)
    rows = np.concatenate([np.concatenate(list(floor)) for _ in range(5)])
    rare = rows[y[rows] == 1]
    assert len(rare) == 160
    for passed in rare.reshape(-1, 5):
        assert sorted(passed) == [64, 65, 66, 67, 68]


def test_held_bytes_count_numpy_and_torch_once(bench):
    held, _ = bench.held_memory.held_bytes(lambda: np.ones(10**5))
    assert held == pytest.approx(8 * 10**5, rel=0.01)
    held, _ = bench.held_memory.held_bytes(lambda: torch.ones(10**5))
    assert held == pytest.approx(4 * 10**5, rel=0.02)
    held, _ = bench.held_memory.held_bytes(lambda: torch.from_numpy(np.ones(10**5)))
    assert held == pytest.approx(8 * 10**5, rel=0.01)


def test_a_way_that_cannot_serve_is_named(bench):
    y = np.arange(3000) % 3
    ways, left_out = bench.batch_ways.make_ways(y, 256)
    assert left_out == {
        "PML MPerClassSampler": "batch size is no multiple of the classes"
    }
    assert "PML MPerClassSampler" not in ways


def test_convergence_runs_every_arm(bench, monkeypatch, tmp_path):
    small = ["--rows", "4000", "--test-rows", "1000"]
    small += ["--seeds", "1", "--max-batches", "2"]
    one = {
        name: each._replace(
            schedules={key: rates[3:5] for key, rates in each.schedules.items()}
        )
        for name, each in bench.bench_convergence.EXPERIMENTS.items()
    }
    monkeypatch.setattr(bench.bench_convergence, "EXPERIMENTS", one)
    path = tmp_path / "c.json"
    code, result = run(bench.bench_convergence, monkeypatch, path, *small)
    assert code == 0
    check_every_case(bench, result)


def test_convergence_results_have_every_case(bench):
    path = BENCHMARKS / "results" / "convergence.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    check_every_case(bench, result)
    assert (result["rows"], result["test_rows"]) == (300_000, 100_000)
    grids = bench.bench_convergence.EXPERIMENTS
    assert all(grids[name].seeds >= 3 for name in grids)
    assert len(result["limits_without_weights"]) == 6
    for row in result["cases"]:
        if row["visits"] is not None:
            assert row["fewest"] <= row["visits"]
            assert row["rate"] in np.concatenate(
                list(grids[row["experiment"]].schedules.values())
            )


def check_every_case(bench, result):
    found = [
        (row["experiment"], row["schedule"], row["arm"], row["f"])
        for row in result["cases"]
    ]
    assert len(set(found)) == len(found)
    assert set(found) == {
        (name, schedule, arm, f)
        for name, each in bench.bench_convergence.EXPERIMENTS.items()
        for schedule in [*each.schedules, "best"]
        for arm in bench.convergence_arms.ARMS
        for f in bench.convergence_runs.FRACTIONS
    }


def test_rate_with_fewest_median_visits_is_chosen(bench):
    infinite = float("inf")
    by_rate = {
        0.1: [[10.0], [infinite], [infinite]],
        0.2: [[30.0], [20.0], [infinite]],
        0.4: [[40.0], [50.0], [40.0]],
    }
    assert bench.bench_convergence.choose(by_rate, 0) == {
        "rate": 0.2,
        "at_edge": False,
        "visits": 30.0,
        "fewest": 20.0,
        "most": None,
        "seeds_reached": 2,
    }
    nobody = bench.bench_convergence.choose({0.1: [[infinite]]}, 0)
    assert (nobody["rate"], nobody["visits"], nobody["seeds_reached"]) == (
        None,
        None,
        0,
    )


def test_target_counts_when_two_evaluations_in_a_row_reach_it(bench, monkeypatch):
    # best 0 and null 1: the loss is the fraction.
    losses = iter([0.9, 0.4, 0.6, 0.5, 0.45, 0.15, 0.09, 0.04, 0.04])
    runs = bench.convergence_runs
    monkeypatch.setattr(runs, "log_loss", lambda *_: next(losses))
    monkeypatch.setattr(runs, "feed", lambda *_: None)
    p = SimpleNamespace(predict_proba=lambda X: np.zeros((len(X), 2)))
    data = bench.convergence_data.Data(*[np.zeros(3)] * 4, best=0.0, null=1.0)
    plain = bench.convergence_arms.Plain(np.zeros(3000), 0)
    # Evaluated after 1, 2, 3, 4, 5, 6, 7, 8 and 9 batches.
    visits = runs.visits_to_targets(p, plain, data, 100)
    assert visits == [256 * 4, 256 * 6, 256 * 7, 256 * 8]


@pytest.mark.parametrize("arm", ["plain shuffling", "10 % positives, weights"])
def test_batches_in_one_call_train_as_one_by_one(bench, arm):
    make = bench.convergence_data.make_data
    data = make("linear", "fit", 0, rows=4000, test_rows=500)
    models = [
        bench.convergence_runs.make_model("sgd", "invscaling 0.25", 0.1, 0)
        for _ in range(2)
    ]
    streams = [bench.convergence_arms.ARMS[arm](data.y, 1).batches() for _ in range(2)]
    bench.convergence_runs.feed(models[0], streams[0], 6, data)
    for rows, weight in islice(streams[1], 6):
        assert (weight is None) == (arm == "plain shuffling")
        models[1].partial_fit(data.X[rows], data.y[rows], [0, 1], weight)
    assert_allclose(models[0].coef_, models[1].coef_, rtol=1e-9)


def test_plain_shuffling_serves_every_row_equally_often(bench):
    stream = bench.convergence_arms.Plain(np.zeros(640), 3).batches()
    rows = np.concatenate([next(stream)[0] for _ in range(10)])
    assert (np.bincount(rows) == 4).all()
    assert (np.bincount(rows[:640]) == 1).all()


@pytest.mark.parametrize("truth", ["linear", "nonlinear", "hinge"])
def test_true_probabilities_have_the_prevalence_and_are_best(bench, truth):
    data = bench.convergence_data.make_data(truth, "truth", 0, 60_000, 60_000)
    fitted = bench.convergence_data.make_data(truth, "fit", 0, 60_000, 60_000)
    assert data.y.mean() == pytest.approx(0.005, abs=0.0015)
    assert data.best < fitted.best < data.null


def test_without_weights_a_wrong_model_stops_short(bench):
    make = bench.convergence_data.make_data
    limits = {}
    for truth in ("linear", "hinge"):
        data = make(truth, "fit", 0, 60_000, 60_000)
        limits[truth] = bench.convergence_data.limit_without_weights(data, 0.5)
        original = data.y.mean()
        # Of the original share the fit is the best one itself.
        own = bench.convergence_data.limit_without_weights(data, original)
        assert own == pytest.approx(0, abs=1e-3)
    assert abs(limits["linear"]) < 0.04
    assert limits["hinge"] > 0.05
