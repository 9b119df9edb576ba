"""Two processes train on one epoch: plain torch, Accelerate and Lightning.

The file is also the program of the processes. It takes the name of a host and a folder
for the results.
"""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest

from skstrat import BalancedBatches, ImbalancedSampler

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.nn.functional import binary_cross_entropy_with_logits  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

N_EPOCHS, DONE = 3, 3
KINDS = ["batches", "sampler"]
# Settings of Accelerate, all but even_batches switched on, and the number of rows that
# it repeats to fill a last batch of two rows.
WAYS = {"default": 6, "even_batches": 0, "split_batches": 6, "dispatch_batches": 0}


def load(kind, n_large=60, seed=0, **process):
    """Load rows of two features, labels, row numbers and weights."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [n_large, 9]))
    X, rows = rng.normal(size=(len(y), 2)) + y[:, None], np.arange(len(y))
    if kind == "batches":
        chooser = BalancedBatches(y, batch_size=8, random_state=seed, **process)
        chosen = {"batch_sampler": chooser}
    else:
        chooser = ImbalancedSampler(y, num_samples=96, random_state=seed, **process)
        chosen = {"sampler": chooser, "batch_size": 8}
    columns = map(torch.as_tensor, (X, y, rows, chooser.sample_weight(rows)))
    return DataLoader(TensorDataset(*columns), **chosen)


def rows_of(loader):
    return [batch[2].tolist() for batch in loader]


def flat(lists):
    return list(chain.from_iterable(lists))


def error_of(call):
    try:
        call()
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def make_model():
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1).double()
    return model, torch.optim.SGD(model.parameters(), lr=0.5)


def loss_of(model, X, y, weights):
    return binary_cross_entropy_with_logits(model(X)[:, 0], y.double(), weights)


def result_of(model, served):
    parameters = flat(each.detach().flatten().tolist() for each in model.parameters())
    return {"served": served, "parameters": parameters}


def train(model, optimiser, loader, backward=torch.Tensor.backward):
    """Train for all epochs; return the rows of each step and the parameters."""
    served = []
    for _ in range(N_EPOCHS):
        served.append([])
        for X, y, rows, weights in loader:
            served[-1].append(rows.tolist())
            optimiser.zero_grad()
            backward(loss_of(model, X, y, weights))
            optimiser.step()
    return result_of(model, served)


def run_torch(rank, _folder):
    """Train with DistributedDataParallel, and resume in mid-epoch."""
    torch.distributed.init_process_group("gloo")
    found, process = {}, {"rank": rank, "world_size": 2}
    for kind in KINDS:
        model, optimiser = make_model()
        model = torch.nn.parallel.DistributedDataParallel(model)
        found[kind] = train(model, optimiser, load(kind, **process))
        started, resumed = load(kind, **process), load(kind, seed=None, **process)
        for n_batches in (None, DONE):
            list(islice(started, n_batches))
        state = json.dumps(started.batch_sampler.sampler.state_dict())
        resumed.batch_sampler.sampler.load_state_dict(json.loads(state))
        found[kind]["rest"] = rows_of(resumed)
        found[kind]["refused"] = error_of(partial(rows_of, load(kind, seed=None)))
    return found


def run_accelerate(rank, _folder):
    """Divide batches in every way, train, and skip the batches that are done."""
    from accelerate import Accelerator, DataLoaderConfiguration

    found = {}
    for kind in KINDS:
        for way in WAYS:
            settings = {} if way == "default" else {way: way != "even_batches"}
            config = DataLoaderConfiguration(**settings)
            accelerator = Accelerator(cpu=True, dataloader_config=config)
            # Of the rows of the third loader the last of 16 batches has two.
            loaders = load(kind, 64), load(kind, 64), load(kind, 61)
            twice = load(kind, rank=rank, world_size=2)
            prepared = accelerator.prepare(*make_model(), *loaders, twice)
            model, optimiser, loader, again, last, twice = prepared
            result = train(model, optimiser, loader, accelerator.backward)
            again.set_epoch(1)
            # Before the first process divides them, there are twice as many batches.
            n_batches = DONE * (2 if way == "dispatch_batches" else 1)
            result["rest"] = rows_of(accelerator.skip_first_batches(again, n_batches))
            result["last"] = rows_of(last)
            # Here the first process alone has the error; the other waits.
            if way != "dispatch_batches":
                result["refused"] = error_of(partial(rows_of, twice))
            found[f"{kind} {way}"] = result
    return found


def lightning_model(make_loader, folder, resumes):
    """Make a model that saves a checkpoint in mid-epoch, with the place in the rows."""
    import lightning

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.optimiser = make_model()
            self.served, self.loader = {}, make_loader()

        def train_dataloader(self):
            self.loader = self.loader if resumes else make_loader()
            return self.loader

        def configure_optimizers(self):
            return self.optimiser

        def training_step(self, batch, _):
            X, y, rows, weights = batch
            self.served.setdefault(self.current_epoch, []).append(rows.tolist())
            return loss_of(self.model, X, y, weights)

        def on_train_batch_end(self, _outputs, _batch, number):
            if (self.current_epoch, number) == (1, DONE - 1):
                self.trainer.save_checkpoint(folder / "middle.ckpt")

        def on_save_checkpoint(self, checkpoint):
            checkpoint["place"] = self.loader.batch_sampler.sampler.state_dict()

        def on_load_checkpoint(self, checkpoint):
            self.loader.batch_sampler.sampler.load_state_dict(checkpoint["place"])

    return Model()


def run_lightning(rank, folder):
    """Train with a new loader in each epoch, resume, and let Lightning divide."""
    import lightning

    def fit(kind, *, divides=False, path=None, **process):
        settings = {"accelerator": "cpu", "devices": 2, "max_epochs": N_EPOCHS}
        settings["reload_dataloaders_every_n_epochs"] = int(path is None)
        settings |= {"use_distributed_sampler": divides, "barebones": True}
        make_loader = partial(load, kind, **process)
        model = lightning_model(make_loader, folder, path is not None)
        lightning.Trainer(**settings).fit(model, ckpt_path=path)
        return result_of(model, [*model.served.values()])

    found, process = {}, {"rank": rank, "world_size": 2}
    for kind in KINDS:
        found[kind] = fit(kind, **process)
        found[f"{kind} resumed"] = fit(kind, path=folder / "middle.ckpt", **process)
        found[f"{kind} refused"] = error_of(partial(fit, kind, divides=True, **process))
    found["sampler divided"] = fit("sampler", divides=True)
    return found


RUNS = {"torch": run_torch, "accelerate": run_accelerate, "lightning": run_lightning}


def run(host, folder):
    """Return the results of both processes of a host, by name."""
    pytest.importorskip(host, reason=f"{host} is not installed")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    command, log = [sys.executable, __file__, host, folder], folder / "log"
    with log.open("w") as file:
        start = partial(subprocess.Popen, command, stdout=file, stderr=file)
        names = [{"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
        started = [start(env={**os.environ, **group, **own}) for own in names]
        codes = [each.wait(400) for each in started]
    assert codes == [0, 0], log.read_text()
    ranks = [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]
    return {name: [rank[name] for rank in ranks] for name in ranks[0]}


def alone(kind, n_large, n_batches):
    """Serve epochs in one process; return the rows of each step of n batches."""
    loader = load(kind, n_large)
    epochs = [rows_of(loader) for _ in range(N_EPOCHS)]
    places = range(0, len(epochs[0]), n_batches)
    return [[sorted(flat(rows[i : i + n_batches])) for i in places] for rows in epochs]


def together(ranks):
    """Put together what two processes served in each step of an epoch."""
    return [sorted(flat(rows)) for rows in zip(*ranks, strict=True)]


def check(ranks, kind, n_large=60, n_batches=2):
    """Check that two processes have trained as one would, on the same rows."""
    epochs = zip(*(rank["served"] for rank in ranks), strict=True)
    steps, data = alone(kind, n_large, n_batches), load(kind, n_large).dataset
    assert [together(epoch) for epoch in epochs] == steps
    assert len({str(epoch) for epoch in steps}) == N_EPOCHS
    model, optimiser = make_model()
    for rows in flat(steps):
        X, y, _, weights = data[rows]
        optimiser.zero_grad()
        loss_of(model, X, y, weights).backward()
        optimiser.step()
    assert ranks[0]["parameters"] == ranks[1]["parameters"]
    # Sums of 16 numbers in another order differ by rounding only.
    wanted = result_of(model, steps)["parameters"]
    np.testing.assert_allclose(ranks[0]["parameters"], wanted, rtol=1e-11)


UNSEEDED = "random_state must be the same number in all processes, so that they divide"
TWICE = "rank and world_size must be left out where the trainer divides the rows; got"
REBUILT = (
    "y must be labels; got DistributedSampler. Lightning rebuilds batch samplers "
    "around a sampler of its own. To train in several processes, set "
    "use_distributed_sampler=False, and give BalancedBatches the rank= and world_size="
)


@pytest.mark.slow
def test_torch(tmp_path):
    for kind, ranks in run("torch", tmp_path).items():
        check(ranks, kind)
        for rank in ranks:
            assert rank["rest"] == rank["served"][1][DONE:]
            assert rank["refused"].startswith(UNSEEDED)


@pytest.mark.slow
def test_accelerate(tmp_path):
    found = run("accelerate", tmp_path)
    assert len(found) == len(KINDS) * len(WAYS)
    for name, ranks in found.items():
        kind, way = name.split()
        check(ranks, kind, 64, 1 if way == "split_batches" else 2)
        for rank in ranks:
            assert rank["rest"] == rank["served"][1][DONE:]
            assert way == "dispatch_batches" or rank["refused"].startswith(TWICE)
        served = Counter(flat(together(rank["last"] for rank in ranks)))
        wanted = Counter(alone(kind, 61, 16)[0][0])
        assert not wanted - served
        assert (served - wanted).total() == (WAYS[way] if kind == "batches" else 0)


@pytest.mark.slow
def test_lightning(tmp_path):
    found = run("lightning", tmp_path)
    for kind, refused in zip(KINDS, (REBUILT, TWICE), strict=True):
        check(found[kind], kind)
        for rank in (0, 1):
            whole, resumed = found[kind][rank], found[f"{kind} resumed"][rank]
            assert resumed["served"] == [whole["served"][1][DONE:], whole["served"][2]]
            assert resumed["parameters"] == whole["parameters"]
            assert found[f"{kind} refused"][rank].startswith(refused)
    # Lightning divides the epoch of the draws in an order of its own.
    wanted = alone("sampler", 60, 12)
    epochs = zip(*(rank["served"] for rank in found["sampler divided"]), strict=True)
    assert [[sorted(flat(together(epoch)))] for epoch in epochs] == wanted


if __name__ == "__main__":
    host, folder, rank = sys.argv[1], Path(sys.argv[2]), int(os.environ["RANK"])
    found = RUNS[host](rank, folder)
    (folder / f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.barrier()
    # The threads of gloo may abort where the interpreter ends.
    os._exit(0)
