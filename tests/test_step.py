"""A training step on its device: nothing of it is read by the host unless it logs, and it compiles to one graph."""

import logging
import math
from collections import Counter
from functools import partial
from itertools import count

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests.test_training import forget_accelerate, log_of, make_config, training_environment  # noqa: F401
from zmnet_core.training import trainer as training
from zmnet_core.training.compilation import compiled
from zmnet_core.training.config import TrainingConfig
from zmnet_core.training.optimisation import MovingAverage, Update, learning_rate, make_optimizer
from zmnet_core.training.time_budget import TimeBudget
from zmnet_core.training.trainer import Trainer, train, unfreeze

pytestmark = pytest.mark.usefixtures("training_environment")

BOLD = {
    "pnet": "vgg",
    "styles_per_batch": 2,
    "style_variants": 2,
    "calibration_paintings": 3,
    "identity_every": 3,
    "style_statistic": "gram+moments",
    "content_noise": 0.02,
    "pnet_bold": True,
    "colour_weight": 1.0,
    "style_scales": "1,2",
    "style_layers": "relu1_1,relu2_2,relu3_3",
    "content_layers": "relu4_2",
    "style_loss_resolution": 80,
    "palette_weight": 0.5,
    "flat_weight": 1.0,
    "tv_weight": 0.1,
    "compression": 2.0,
    "tnet_palette": True,
    "pictures_in_memory": True,
}
PLAIN = {"identity_every": 3, "pictures_in_memory": True}

# What brings a value from a device to the host, or waits for it to know a shape.
HOST_OPERATORS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item", "masked_select", "unique"}
HOST_FUNCTIONS = {"item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "__array__"}


def indices(args):
    """The tensors that an operator is given in a list."""
    return [each for value in args if isinstance(value, (list, tuple)) for each in value if torch.is_tensor(each)]


class HostReads:
    """Counts, inside the block, what the host reads of tensors: by operator (also inside torch) and by method."""

    def __init__(self):
        self.found = Counter()
        found = self.found

        class Operators(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                name = func.overloadpacket.__name__
                # A mask says how many values it lets through; numbers of places do not.
                masked = name.startswith("index") and any(
                    i is not None and i.dtype == torch.bool for i in indices(args)
                )
                if name in HOST_OPERATORS or masked:
                    found[name] += 1
                return func(*args, **(kwargs or {}))

        class Functions(TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                name = getattr(func, "__name__", "")
                # Without a GPU the device of a step is the CPU as well; a copy to the host is one to the CPU by name.
                named = [value for value in (*args[1:], *(kwargs or {}).values()) if isinstance(value, str)]
                to_host = name == "to" and "cpu" in named
                if name in HOST_FUNCTIONS or to_host:
                    found[f"Tensor.{name}"] += 1
                return func(*args, **(kwargs or {}))

        self._modes = Operators(), Functions()

    def __enter__(self):
        for mode in self._modes:
            mode.__enter__()
        return self.found

    def __exit__(self, *error):
        for mode in reversed(self._modes):
            mode.__exit__(*error)


@pytest.fixture
def make_trainer(make_config, tmp_path):  # noqa: F811
    numbers = count()

    def trainer(**options):
        forget_accelerate()
        made = Trainer(make_config(tmp_path / str(next(numbers)), max_train_steps=20, **options))
        made.prepare()
        return made

    return trainer


@pytest.mark.parametrize("read", ["item", "tolist", "cpu", "bool", "number", "to", "mask", "scalar index", "index"])
def test_the_count_sees_every_way_to_read_a_tensor(read):
    tensor, ways = (
        torch.tensor(3.0),
        {
            "item": lambda t: t.item(),
            "tolist": lambda t: t.tolist(),
            "cpu": lambda t: t.cpu(),
            "bool": lambda t: bool(t > 1),
            "number": float,
            "to": lambda t: t.to("cpu"),
            "mask": lambda t: torch.ones(4)[torch.ones(4) > 0.5],
            "scalar index": lambda t: torch.ones(4)[t.long()],
            "index": lambda t: torch.ones(4)[t.long()[None]],
        },
    )
    with HostReads() as found:
        ways[read](tensor)
    assert (sum(found.values()) > 0) == (read != "index")  # a list of places stays on its device


@pytest.mark.slow
@pytest.mark.parametrize("options", [PLAIN, BOLD], ids=["plain", "bold"])
def test_a_step_that_does_not_log_is_not_read_by_the_host(make_trainer, options):
    trainer = make_trainer(**options)
    photographs = trainer._photographs(torch.multiprocessing.Event())
    for step in range(7):  # looks at paintings are made when they are first wanted
        with HostReads() as found:
            trainer._gradients(step, photographs)
            trainer.update(1e-3)
            trainer.budget.step()
            trainer.budget.allows_step(trainer.end)
        assert not found, (step, found)
    assert trainer.update.skipped() == (0, 0)


@pytest.fixture
def compile_with(monkeypatch):
    """--compile with another backend than Inductor, which takes minutes; what dynamo traces is the same."""
    torch._dynamo.reset()
    yield lambda backend: monkeypatch.setattr(training, "compiled", partial(compiled, backend=backend))
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.parametrize("options, backend", [(PLAIN, "eager"), (BOLD, "aot_eager")], ids=["plain", "bold"])
def test_steps_of_paintings_and_of_photographs_as_their_own_style_are_one_graph(
    make_trainer, compile_with, options, backend
):
    """One graph for all steps, whose loss and gradient are those of a step that is not compiled."""

    def first_step(trainer):
        log = trainer._gradients(1, trainer._photographs(torch.multiprocessing.Event()))
        return log["loss"], torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])

    loss, gradient = first_step(make_trainer(**options))
    counter = CompileCounterWithBackend(backend)
    compile_with(counter)
    trainer = make_trainer(compile=True, **options)
    assert trainer.loss_of_step is not trainer.objective
    assert counter.frame_count == 1, "the objective is not one graph"
    compiled_loss, compiled_gradient = first_step(trainer)
    torch.testing.assert_close(compiled_loss, loss, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(compiled_gradient, gradient, rtol=1e-2, atol=1e-4)
    photographs = trainer._photographs(torch.multiprocessing.Event())
    for step in range(7):
        log = trainer._gradients(step, photographs)
        assert ("pixels" in log) == (step % 3 == 0)
        trainer.update(1e-3)
    assert counter.frame_count == 1, "a step was compiled anew"


@pytest.mark.slow
def test_what_cannot_be_compiled_runs_as_it_is_and_the_log_says_so(make_config, tmp_path, caplog, compile_with):  # noqa: F811
    def broken(graph, inputs):
        raise RuntimeError("no compiler here")

    compile_with(broken)
    with caplog.at_level(logging.WARNING):
        run = train(make_config(tmp_path, compile=True))
    assert "no compiler here" in caplog.text
    assert "--compile: eager instead" in caplog.text
    assert len([line for line in log_of(run) if "loss" in line]) == 4


# The update ------------------------------------------------------------------------------------


@pytest.fixture
def make_update(model, random_vgg_file):
    """An update of the tiny model, and the model."""
    forget_accelerate()
    unfreeze(model)
    accelerator = training.make_accelerator(TrainingConfig())
    config = TrainingConfig(learning_rate=1e-2, ema_decay=0.9)
    average = MovingAverage(model, config.ema_decay)
    _, optimizer = accelerator.prepare(model, make_optimizer(model, config))
    return Update(accelerator, model, optimizer, average, 1.0), model


def gradients(model, value):
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()]).clone()


def test_a_gradient_that_is_not_finite_leaves_no_trace(make_update):
    update, model = make_update
    gradients(model, 0.1)
    update(1e-2)
    before, averaged = weights(model), weights(update.average.module)
    places = [state["step"].item() for state in update.optimizer.state.values()]
    for bad in (math.nan, math.inf, -math.inf):
        gradients(model, bad)
        assert not math.isfinite(update(1e-2))
        assert torch.equal(weights(model), before)
        assert torch.equal(weights(update.average.module), averaged)
    assert [state["step"].item() for state in update.optimizer.state.values()] == places
    assert update.average.n_averaged == 1
    assert update.skipped() == (3, 3)
    gradients(model, 0.1)
    update(1e-2)
    assert update.skipped() == (0, 3)
    assert not torch.equal(weights(model), before)


def test_gradients_are_clipped_and_their_norm_before_is_told(make_update):
    update, model = make_update
    gradients(model, 3.0)
    size = math.sqrt(sum(parameter.numel() for parameter in model.parameters()))
    assert float(update(0.0)) == pytest.approx(3.0 * size, rel=1e-4)
    moments = update.optimizer.state.values()
    clipped = torch.cat([state["exp_avg"].flatten() for state in moments]) / 0.1  # β₁ = 0.9
    assert float(clipped.norm()) == pytest.approx(1.0, rel=1e-3)


def test_a_state_of_an_optimiser_that_was_not_fused_goes_on(make_update):
    update, model = make_update
    parameters = [group["params"] for group in update.optimizer.param_groups]
    plain = torch.optim.AdamW([{"params": each, "scale": 1.0} for each in parameters], lr=1e-2, betas=(0.9, 0.99))
    gradients(model, 0.1)
    plain.step()
    update.optimizer.load_state_dict(plain.state_dict())
    update.restored()
    gradients(model, math.nan)
    before = weights(model)
    update(1e-2)
    assert torch.equal(weights(model), before)  # an optimiser that is not fused would not heed the device's word
    gradients(model, 0.1)
    update(1e-2)
    assert not torch.equal(weights(model), before)
    assert {state["step"].item() for state in update.optimizer.state.values()} == {2.0}


# The schedule ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["cosine", "step", "constant"])
def test_the_learning_rate_has_come_down_when_the_time_is_over(scheduler):
    config = TrainingConfig(lr_scheduler=scheduler, max_train_steps=1000, learning_rate=1.0, lr_warmup_steps=0)
    rates = [learning_rate(config, 10, time_spent=share) for share in (0.0, 0.2, 0.5, 0.9, 0.99, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.01)
    further = learning_rate(config, 900, time_spent=0.1)  # the steps are further than the time
    assert further == pytest.approx(rates[3])
    assert learning_rate(config, 10, time_spent=0.5) == pytest.approx(learning_rate(config, 500))


def test_rates_that_do_not_fall_by_themselves_fall_in_the_last_fifth():
    config = TrainingConfig(lr_scheduler="constant", max_train_steps=1000, learning_rate=2.0, lr_warmup_steps=0)
    rates = [learning_rate(config, 0, time_spent=share) for share in (0.06, 0.8, 0.9, 0.95, 1.0)]
    assert rates == pytest.approx([2.0, 2.0, 1.0, 0.5, 0.02])
    assert learning_rate(config, 999) == 2.0  # no budget: as it was asked for


def test_warm_up_is_over_after_a_twentieth_of_the_time_at_the_latest():
    config = TrainingConfig(lr_scheduler="constant", learning_rate=1.0, lr_warmup_steps=100)
    assert learning_rate(config, 9, time_spent=0.01) == pytest.approx(0.2)
    assert learning_rate(config, 49, time_spent=0.01) == pytest.approx(0.5)  # the steps are further
    assert learning_rate(config, 9, time_spent=0.05) == 1.0
    assert learning_rate(config, 9) == pytest.approx(0.1)


def test_without_a_budget_time_has_no_say():
    budget = TimeBudget(None)
    for _ in range(3):
        budget.step()
        assert budget.time_spent(()) == 0.0 and budget.allows_step(("validation",)) and budget.started_in_time
