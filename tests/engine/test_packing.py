"""How many processes share one GPU; what the answer rests on is counted without one."""

import pytest

from flops_fit.engine import packing
from flops_fit.engine.memory import state_bytes
from flops_fit.engine.packing import CONTEXT_BYTES, PACKED, SHARE, activation_bytes, processes_per_gpu


@pytest.fixture
def spec(make_spec):
    return make_spec(training={"batch_size": 16})


@pytest.fixture
def trunks(spec, plan_of):
    return plan_of(spec).trunks


def test_activations_are_counted_as_autograd_keeps_them(spec, trunks):
    """Of one hidden layer: inputs, tanh twice (for itself and for the next layer) and the residuals."""
    run = max((trunk[0] for trunk in trunks), key=lambda run: run.size.n_params)
    width = run.size.options["width"]
    at_least = 4 * 16 * (8 + width)
    assert at_least <= activation_bytes(run.size, spec) <= 3 * at_least + 4 * 10 * width


def test_small_models_share_a_gpu_as_far_as_its_memory_goes(spec, trunks, monkeypatch):
    size = max((trunk[0].size for trunk in trunks), key=lambda size: size.n_params)
    one = CONTEXT_BYTES + state_bytes(size, spec) + 2 * activation_bytes(size, spec)
    for n_fit, expected in ((0.5, 1), (1.5, 1), (2.5, 2), (99, PACKED)):
        monkeypatch.setattr(packing, "free_bytes", lambda n_fit=n_fit: int(n_fit * one / SHARE))
        assert processes_per_gpu(trunks, spec) == expected


def test_a_model_that_fills_a_gpu_has_it_alone(spec, trunks, monkeypatch):
    monkeypatch.setattr(packing, "free_bytes", lambda: 10**12)
    monkeypatch.setattr(packing, "FILLS_A_GPU", trunks[0][0].size.n_params)
    assert processes_per_gpu(trunks, spec) == 1


def test_a_model_that_reads_values_is_not_packed(make_spec, trunks, parts, monkeypatch):
    class Reads(parts.Mlp):
        def build(self, size, data):
            net = super().build(size, data)
            net.register_forward_pre_hook(lambda module, inputs: bool(inputs[0]["inputs"].sum() > 0))
            return net

    monkeypatch.setattr(packing, "free_bytes", lambda: 10**12)
    with pytest.raises(RuntimeError, match="meta"):
        activation_bytes(trunks[0][0].size, make_spec(model=Reads()))
    assert processes_per_gpu(trunks, make_spec(model=Reads())) == 1
