"""Which mean over a batch a weighted loss needs, in torch, Keras and Trainer."""

import os

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skstrat import BalancedBatches, DownsampleUpweight

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.nn.functional import binary_cross_entropy_with_logits  # noqa: E402

N_ROWS, BATCH_SIZE = 3_000, 16
SLOPE = np.array([0.5, -1.0, 0.25])


def draw_data():
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(size=(N_ROWS, 2)), np.ones(N_ROWS)]
    return X, (rng.random(N_ROWS) < 1 / (1 + np.exp(3 - X[:, 0]))).astype(int)


def losses_of(X, y, slope):
    scores = torch.as_tensor(X) @ slope
    labels = torch.as_tensor(y, dtype=scores.dtype)
    return binary_cross_entropy_with_logits(scores, labels, reduction="none")


def gradient(X, y, weight=1.0, at=SLOPE):
    """Compute the gradient of the mean over a batch of weight times loss."""
    slope = torch.tensor(at, requires_grad=True)
    (losses_of(X, y, slope) * torch.as_tensor(weight)).mean().backward()
    return slope.grad.numpy()


def check_unbiased(found, expected):
    """Check that a mean is the expected one, within four standard errors."""
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - expected) < 4 * error).all()


def resample(X, y, seed=0):
    """Resample; return rows for whole batches, and weights of mean 1."""
    resampler = DownsampleUpweight(factor=10, random_state=seed)
    X, y, weight = resampler.fit_resample(X, y)
    return X, y, weight / weight.mean()


def test_weights_of_mean_1_and_the_mean_over_the_batch_give_the_full_gradient():
    X, y = draw_data()
    # Of all rows drawn: unbiased over draws.
    drawn = [resample(X, y, seed) for seed in range(200)]
    check_unbiased([gradient(*each) for each in drawn], gradient(X, y))
    # Over the batches of an epoch in any order: equal, if the batches are full.
    X_few, y_few, weight = resample(X, y)
    full = len(y_few) // BATCH_SIZE * BATCH_SIZE
    order = np.random.default_rng(0).permutation(full).reshape(-1, BATCH_SIZE)
    steps = [gradient(X_few[at], y_few[at], weight[at]) for at in order]
    whole = gradient(X_few[:full], y_few[:full], weight[:full])
    np.testing.assert_allclose(np.mean(steps, axis=0), whole, rtol=1e-9)
    # The sum of the weights of the batch as divisor is not.
    scale = [weight[at].mean() for at in order]
    by_sum = np.mean(steps / np.array(scale)[:, None], axis=0)
    assert np.abs(by_sum / whole - 1).max() > 0.02


def test_weights_of_balanced_batches_give_the_full_gradient():
    X, y = draw_data()
    steps = []
    for seed in range(20):
        batches = BalancedBatches(y, batch_size=BATCH_SIZE, random_state=seed)
        weigh = batches.sample_weight
        each = [gradient(X[at], y[at], weigh(at)) for at in batches.arrays()]
        assert {round(weigh(at).mean(), 9) for at in batches.arrays()} == {1}
        steps.append(np.mean(each, axis=0))
    check_unbiased(steps, gradient(X, y))


def test_keras_divides_by_the_rows_of_the_batch():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="keras is not installed")
    X, y, weight = resample(*draw_data())
    full = len(y) // BATCH_SIZE * BATCH_SIZE
    X, y, weight = (each[:full].astype("float32") for each in (X, y, weight))
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((3,)), layer])
    layer.set_weights([SLOPE.astype("float32")[:, None]])
    # With a step of zero all batches meet the same model.
    step = keras.optimizers.SGD(0.0)
    model.compile(step, keras.losses.BinaryCrossentropy(from_logits=True))
    told = model.fit(X, y, sample_weight=weight, batch_size=BATCH_SIZE, verbose=0)
    expected = (losses_of(X, y, torch.tensor(SLOPE).float()).numpy() * weight).mean()
    assert told.history["loss"][0] == pytest.approx(expected, rel=1e-4)


class Linear(torch.nn.Module):
    """A model that takes any argument, as those of transformers do."""

    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x, **kwargs):
        return {"logits": x @ self.slope}


def train(rows, folder, **settings):
    """Train with Trainer, whose loss is the mean of weight times loss."""
    import transformers

    class WeightedTrainer(transformers.Trainer):
        loss_is_scaled_for_ga = False

        def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
            labels, weight = inputs["labels"], inputs["weight"]
            outputs = model(inputs["x"])
            each = binary_cross_entropy_with_logits(
                outputs["logits"], labels, reduction="none"
            )
            loss = (each * weight).mean()
            return (loss, outputs) if return_outputs else loss

    model = Linear()
    arguments = transformers.TrainingArguments(
        output_dir=folder,
        remove_unused_columns=False,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        **{"optim": "sgd", "disable_tqdm": True, **settings},
    )
    trainer = WeightedTrainer(model, arguments, train_dataset=rows)
    trainer.train()
    return model.slope.detach().numpy()


@pytest.mark.slow
def test_trainer_with_weights_predicts_the_original_shares(tmp_path):
    pytest.importorskip("transformers")
    datasets = pytest.importorskip("datasets")
    X, y = draw_data()
    rows = datasets.Dataset.from_dict({"x": X.astype("float32"), "labels": y * 1.0})
    rows, labels, weight = resample(rows, y)
    rows = rows.with_format("torch")
    weighted = rows.add_column("weight", weight.astype("float32"))
    settings = {"learning_rate": 1.0, "num_train_epochs": 30}
    size = "per_device_train_batch_size"
    slope = train(weighted, tmp_path, **settings, **{size: 64})
    # What the weighted rows say, by another library.
    witness = LogisticRegression(C=1e6, fit_intercept=False)
    witness.fit(rows["x"][:].numpy(), labels, sample_weight=weight)
    np.testing.assert_allclose(slope, witness.coef_[0], atol=0.1)
    p = 1 / (1 + np.exp(-X @ slope))
    assert 0.8 < p.mean() / y.mean() < 1.25
    # Two halves of a batch that are accumulated are the batch.
    halves = {size: 32, "gradient_accumulation_steps": 2}
    again = train(weighted, tmp_path, **settings, **halves)
    np.testing.assert_allclose(again, slope, atol=1e-5)
