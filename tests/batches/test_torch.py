"""Balanced batches and the imbalanced sampler in torch: loaders, training, resuming."""

import subprocess
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from skstrat import BalancedBatches, ImbalancedSampler

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

torch.set_num_threads(1)

N_ROWS = 20_000
WORKERS = [0, 2]
# Forking a process that has threads is deprecated since Python 3.12, but the workers
# only index an array.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:This process .* is multi-threaded:DeprecationWarning"
    ),
    # torchdata 0.11 calls what torch 2.13 gives up.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]


@pytest.fixture(scope="module")
def data():
    """Make rows of a logistic model with about 2 % positives."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 2))
    y = rng.random(N_ROWS) < 1 / (1 + np.exp(4.6 - X @ [1.0, -0.5]))
    assert 0.01 < y.mean() < 0.03
    return torch.tensor(X, dtype=torch.float32), y.astype(np.int64)


def numbered(y):
    """Make a dataset whose items say which rows they are."""
    return TensorDataset(torch.arange(len(y)), torch.as_tensor(y))


def small():
    return np.random.default_rng(1).permutation(np.repeat([0, 1], [60, 9]))


def rows_of(loader):
    return [rows.tolist() for rows, _ in loader]


@pytest.mark.parametrize("num_workers", WORKERS)
def test_a_loader_serves_the_batches(num_workers):
    y = small()
    wanted = BalancedBatches(y, batch_size=8, random_state=0)
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    loader = DataLoader(numbered(y), batch_sampler=batches, num_workers=num_workers)
    assert len(loader) == 15
    epochs = []
    for _ in range(3):
        served = list(loader)
        assert all(labels.bincount().tolist() == [4, 4] for _, labels in served)
        epochs.append([rows.tolist() for rows, _ in served])
        assert epochs[-1] == list(wanted)
        once = Counter(row for rows in epochs[-1] for row in rows if y[row] == 0)
        assert once == dict.fromkeys(np.flatnonzero(y == 0).tolist(), 1)
    assert len({str(epoch) for epoch in epochs}) == 3


def test_whole_batches_at_once():
    y = small()
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    wanted = list(batches)
    batches.set_epoch(0)

    class Table(torch.utils.data.Dataset):
        def __len__(self):
            return len(y)

        def __getitem__(self, rows):
            assert isinstance(rows, list)
            return torch.as_tensor(rows), torch.as_tensor(y[rows])

    loader = DataLoader(Table(), sampler=batches, batch_size=None)
    assert rows_of(loader) == wanted


def test_a_loader_draws_with_the_sampler():
    y = small()
    wanted = ImbalancedSampler(y, num_samples=400, random_state=0)
    sampler = ImbalancedSampler(y, num_samples=400, random_state=0)
    loader = DataLoader(numbered(y), sampler=sampler, batch_size=50, num_workers=2)
    assert len(loader) == 8
    for _ in range(2):
        rows = [row for batch in rows_of(loader) for row in batch]
        assert rows == list(wanted)
        assert abs(y[rows].mean() - 0.5) < 5 * np.sqrt(0.25 / 400)


def make_model(n_features=2):
    torch.manual_seed(0)
    model = torch.nn.Linear(n_features, 1)
    return model, torch.optim.Adam(model.parameters(), lr=0.02)


def step(model, optimiser, X, y, rows, weights):
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        model(X[rows])[:, 0],
        torch.as_tensor(y[rows], dtype=torch.float32),
        reduction="none",
    )
    optimiser.zero_grad()
    (losses * torch.as_tensor(weights, dtype=torch.float32)).mean().backward()
    optimiser.step()


def mean_prediction(model, X):
    with torch.no_grad():
        return torch.sigmoid(model(X)).mean().item()


@pytest.mark.parametrize("kind", ["batches", "sampler"])
def test_correction_weights_give_the_prevalence_back(data, kind):
    X, y = data
    predictions = {}
    for weighted in (True, False):
        model, optimiser = make_model()
        if kind == "batches":
            chooser = BalancedBatches(y, batch_size=200, epoch=100, random_state=0)
            loader = DataLoader(numbered(y), batch_sampler=chooser)
        else:
            chooser = ImbalancedSampler(y, random_state=0)
            loader = DataLoader(numbered(y), sampler=chooser, batch_size=200)
        for rate in (0.2, 0.05, 0.01):
            optimiser.param_groups[0]["lr"] = rate
            for rows, _ in loader:
                weights = chooser.sample_weight(rows.numpy())
                step(model, optimiser, X, y, rows, weights if weighted else 1.0)
        predictions[weighted] = mean_prediction(model, X)
    # A logistic model with intercept predicts the mean of what it is shown; noise of
    # the last steps is allowed 15 %. Without weights, half of what it is shown is
    # positive, and all rows lie where the negatives are.
    assert predictions[True] == pytest.approx(y.mean(), rel=0.15)
    assert 0.25 < predictions[False] < 0.5


def test_a_resumed_run_ends_with_the_same_parameters(data, tmp_path):
    X, y = data
    X, y = X[:3000], y[:3000]

    def train(parts, n_steps):
        batches, model, optimiser = parts
        left = n_steps
        while left:
            for rows in islice(batches, left):
                left -= 1
                step(model, optimiser, X, y, rows, batches.sample_weight(rows))

    whole = BalancedBatches(y, batch_size=64, random_state=0), *make_model()
    train(whole, 150)
    first = BalancedBatches(y, batch_size=64, random_state=0), *make_model()
    n_batches = len(first[0])
    assert 60 < n_batches < 100
    train(first, n_batches + 20)
    states = [each.state_dict() for each in first]
    torch.save(states, tmp_path / "state.pt")

    resumed = BalancedBatches(y, batch_size=64), *make_model()
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    for part, state in zip(resumed, loaded, strict=True):
        part.load_state_dict(state)
    train(resumed, 150 - n_batches - 20)
    for name, value in whole[1].state_dict().items():
        assert torch.equal(value, resumed[1].state_dict()[name])
        assert not torch.equal(value, first[1].state_dict()[name])


@pytest.mark.parametrize("num_workers", WORKERS)
@pytest.mark.parametrize("done", [1, 7, 15])
def test_a_stateful_loader_resumes(num_workers, done):
    stateful = pytest.importorskip(
        "torchdata.stateful_dataloader", reason="torchdata is not installed"
    )
    y = small()

    def make():
        batches = BalancedBatches(y, batch_size=8, random_state=0)
        return stateful.StatefulDataLoader(
            numbered(y), batch_sampler=batches, num_workers=num_workers
        )

    plain = BalancedBatches(y, batch_size=8, random_state=0)
    wanted = [rows for _ in range(3) for rows in plain]
    started = make()
    assert rows_of(islice(started, done)) == wanted[:done]
    state = started.state_dict()
    resumed = make()
    resumed.load_state_dict(state)
    rest = rows_of(resumed)
    assert rest == wanted[done : 15 if done < 15 else 30]
    following = 15 if done < 15 else 30
    assert rows_of(resumed) == wanted[following : following + 15]


def test_batches_counted_by_hand_resume_under_prefetch():
    y = small()
    plain = BalancedBatches(y, batch_size=8, random_state=0)
    wanted = [list(plain) for _ in range(3)]
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    batches.set_epoch(1, place=6)
    loader = DataLoader(numbered(y), batch_sampler=batches, num_workers=2)
    assert rows_of(loader) == wanted[1][6:]
    assert rows_of(loader) == wanted[2]


def test_processes_of_a_group_train_on_one_epoch():
    y = small()
    loaders = [
        DataLoader(
            numbered(y),
            batch_sampler=BalancedBatches(
                y, batch_size=8, random_state=0, rank=rank, world_size=2
            ),
        )
        for rank in range(2)
    ]
    assert len(loaders[0]) == len(loaders[1])
    served = [row for loader in loaders for rows in rows_of(loader) for row in rows]
    alone = BalancedBatches(y, batch_size=8, random_state=0)
    assert Counter(served) == Counter(np.concatenate(list(alone)).tolist())


@pytest.mark.slow
def test_torch_is_never_loaded():
    code = """
import sys
import numpy as np
import skstrat
y = np.repeat([0, 1], [90, 10])
batches = skstrat.BalancedBatches(y, batch_size=10)
for X, labels, weight in skstrat.iter_batches(y, y, batches):
    pass
list(skstrat.ImbalancedSampler(y))
batches.load_state_dict(batches.state_dict())
print(*sorted({"torch", "torchdata", "keras"} & set(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "\n"
