"""Balanced batches and the imbalanced sampler in torch: loaders, training, resuming."""

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from skstrat import BalancedBatches, ImbalancedSampler

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

torch.set_num_threads(1)

# Forking a process that has threads is deprecated since Python 3.12, but the workers
# only index an array.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:This process .* is multi-threaded:DeprecationWarning"
    ),
    # torchdata 0.11 calls what torch 2.13 gives up.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]
SMALL = np.random.default_rng(1).permutation(np.repeat([0, 1], [60, 9]))
# The items say which rows they are.
NUMBERED = TensorDataset(torch.arange(69), torch.as_tensor(SMALL))


def make(seed=0):
    return BalancedBatches(SMALL, batch_size=8, random_state=seed)


def rows_of(loader):
    return [rows.tolist() for rows, _ in loader]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_serves_batches_and_draws(num_workers):
    wanted, batches = make(), make()
    loader = DataLoader(NUMBERED, batch_sampler=batches, num_workers=num_workers)
    assert len(loader) == 15
    epochs = [rows_of(loader) for _ in range(2)]
    assert epochs == [list(wanted) for _ in range(2)]
    # Batches counted by hand resume, whatever workers have read ahead.
    batches.set_epoch(1, place=6)
    assert rows_of(loader) == epochs[1][6:]
    wanted, sampler = (
        ImbalancedSampler(SMALL, num_samples=400, random_state=0) for _ in range(2)
    )
    loader = DataLoader(
        NUMBERED, sampler=sampler, batch_size=50, num_workers=num_workers
    )
    assert [len(rows) for rows in rows_of(loader)] == [50] * 8
    list(wanted)
    assert np.concatenate(rows_of(loader)).tolist() == list(wanted)


def test_whole_batches_at_once():
    class Table(torch.utils.data.Dataset):
        def __getitem__(self, rows):
            assert isinstance(rows, list)
            return torch.as_tensor(rows), torch.as_tensor(SMALL[rows])

    loader = DataLoader(Table(), sampler=make(), batch_size=None)
    assert rows_of(loader) == list(make())


def test_a_resumed_run_ends_with_the_same_parameters(tmp_path):
    X = torch.tensor(np.random.default_rng(0).normal(size=(69, 2))).float()

    def make_parts(seed):
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1)
        return make(seed), model, torch.optim.Adam(model.parameters(), lr=0.02)

    def train(parts, n_steps):
        batches, model, optimiser = parts
        while n_steps:
            for rows in islice(batches, n_steps):
                n_steps -= 1
                scores, y = model(X[rows])[:, 0], torch.as_tensor(SMALL[rows])
                weights = torch.as_tensor(batches.sample_weight(rows))
                loss = torch.nn.functional.binary_cross_entropy_with_logits
                optimiser.zero_grad()
                loss(scores, y.float(), weights).backward()
                optimiser.step()

    whole, first, resumed = map(make_parts, (0, 0, None))
    train(whole, 50)
    train(first, 20)
    torch.save([each.state_dict() for each in first], tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    for part, state in zip(resumed, loaded, strict=True):
        part.load_state_dict(state)
    train(resumed, 30)
    for name, value in whole[1].state_dict().items():
        assert torch.equal(value, resumed[1].state_dict()[name])
        assert not torch.equal(value, first[1].state_dict()[name])


@pytest.mark.parametrize(("num_workers", "done"), [(0, 1), (2, 7), (0, 15), (2, 15)])
def test_a_stateful_loader_resumes(num_workers, done):
    stateful = pytest.importorskip(
        "torchdata.stateful_dataloader", reason="torchdata is not installed"
    )
    started, resumed = (
        stateful.StatefulDataLoader(
            NUMBERED, batch_sampler=make(), num_workers=num_workers
        )
        for _ in range(2)
    )
    plain = make()
    wanted = [rows for _ in range(3) for rows in plain]
    assert rows_of(islice(started, done)) == wanted[:done]
    resumed.load_state_dict(started.state_dict())
    following = 15 if done < 15 else 30
    assert rows_of(resumed) == wanted[done:following]
    assert rows_of(resumed) == wanted[following : following + 15]


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
