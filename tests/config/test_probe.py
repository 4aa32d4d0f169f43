"""What `probe` returns for a healthy sweep, and how it tells what is wrong."""

import math

import pytest
import torch
from probed_parts import VOCABULARY, Family, Net, Text, spec_of
from torch import nn

from flops_fit.config.probe import probe
from flops_fit.errors import PluginError, SpecError


def test_a_healthy_sweep_comes_back_with_exact_flops_for_every_size():
    """Two d x d products and the head, each 6 FLOPs per parameter and token; the lookup is free."""
    found = probe(spec_of())
    assert [rung.size.name for rung in found.sizes] == ["d4", "d8", "d16", "d32", "d64"]
    for rung in found.sizes:
        width = rung.size.options["width"]
        assert rung.flops_per_unit == 6 * (2 * width**2 + VOCABULARY * width)
        assert rung.flops_6nd_per_unit == 6 * rung.size.n_params
    assert found.data == Text().spec()
    assert found.caveats == ()


def test_probing_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    probe(spec_of())
    assert torch.rand(3).equal(expected)


def test_a_counter_other_than_traced_comes_with_its_distance_from_the_traced_count():
    (caveat,) = probe(spec_of(flops="6nd")).caveats
    assert "6nd counts" in caveat
    smallest = 6 * Family().size(4).n_params / (6 * (2 * 16 + VOCABULARY * 4))
    assert f"{smallest:.2f} (smallest size)" in caveat


class Raises(Family):
    def build(self, size, data):
        raise ZeroDivisionError("division by zero")


class Ending(Text):
    def probe_batch(self, batch_size):
        return next(super().train_batches(batch_size, 0))

    def train_batches(self, batch_size, seed, start_step=0):
        yield from ()


def test_what_a_component_raises_names_the_component_the_call_and_the_data():
    with pytest.raises(
        PluginError, match=r"toy\.build\(d4\) on data toy_text raised ZeroDivisionError: division"
    ) as e:
        probe(spec_of(model=Raises()))
    assert isinstance(e.value.__cause__, ZeroDivisionError)
    assert e.value.code == "component-raised"


def test_a_broken_prepare_is_named_before_anything_else_runs():
    class Unprepared(Text):
        def prepare(self):
            raise OSError("no such folder")

    with pytest.raises(PluginError, match=r"toy_text\.prepare\(\) raised OSError: no such folder"):
        probe(spec_of(data=Unprepared()))


def test_independent_problems_are_told_together():
    class Both(Text):
        def train_batches(self, batch_size, seed, start_step=0):
            return super().train_batches(batch_size, 0, start_step)

        def eval_batches(self, batch_size):
            yield from ()

    with pytest.raises(SpecError) as error:
        probe(spec_of(data=Both()))
    assert [p.code for p in error.value.problems] == ["data-ignores-seed", "no-evaluation-data"]
    assert "1. data: toy_text.train_batches gives the same batches for seeds 0 and 1" in str(error.value)
    assert isinstance(error.value.__cause__, ExceptionGroup)


def test_one_cause_behind_several_probes_is_told_once():
    with pytest.raises(PluginError, match="ended after 0 steps") as error:
        probe(spec_of(data=Ending()))
    assert error.value.code == "batches-ended"


def test_the_largest_sizes_take_no_memory():
    """A rung of 4e12 parameters is counted like the others."""

    class Huge(Family):
        def ladder(self, n_min, n_max, data):
            return [self.size(4), self.size(2**20)]

    found = probe(spec_of(model=Huge(), design={"n_min": 100, "n_max": 1e13}))
    width = 2**20
    assert found.sizes[-1].flops_per_unit == 6 * (2 * width**2 + VOCABULARY * width)


def test_rows_of_any_type_pass():
    """Images with float pixels and byte masks, one unit per row."""

    class Image(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.first, self.last = nn.Conv2d(1, width, 3), nn.Linear(width, 5)

        def forward(self, batch):
            return {"logits": self.last(self.first(batch["pixel_values"]).mean((2, 3)))}

    class Images(Text):
        kind: str = "images"

        def spec(self):
            return type(super().spec())(
                unit="image", units_per_sample=1, n_units=180, n_classes=5, sample_shape=(1, 4, 4)
            )

        def rows(self, numbers):
            pixels = torch.rand(200, 1, 4, 4, generator=torch.Generator().manual_seed(0))
            return {
                "pixel_values": pixels[numbers],
                "labels": numbers % 5,
                "mask": pixels[numbers, 0, 0] > 0.5,
            }

    class Images2(Family):
        net = Image

        def size(self, width):
            n = 10 * width + 5 * width + 5
            return type(super().size(4))(
                name=f"w{width}", n_params=n, n_params_nonembedding=n, options={"width": width}
            )

    found = probe(spec_of(model=Images2(), data=Images(), design={"n_min": 1, "n_max": 1e6}))
    # Forward and the weights' gradient over 2 x 2 places; the pixels get no gradient. The head costs 6.
    assert found.sizes[0].flops_per_unit == 4 * (9 * 4) * 4 + 6 * 4 * 5
    assert math.isclose(found.sizes[0].flops_6nd_per_unit, 6 * 65)


def test_a_model_that_cannot_be_traced_may_use_another_counter_and_says_so():
    class Reading(Net):
        def forward(self, batch):
            return super().forward(batch) * (1 + float(batch["input_ids"][0, 0] < 0))

    class Untraceable(Family):
        net = Reading

    (caveat,) = probe(spec_of(model=Untraceable(), flops="6nd")).caveats
    assert "FLOPs are those of 6nd and were not traced: toy d4 cannot be counted" in caveat


def test_a_model_without_outputs_per_row_is_said_not_to_be_probed_for_leaks():
    class Whole(Net):
        def forward(self, batch):
            return super().forward(batch)[None]

    class Wrapped(Family):
        net = Whole

    (caveat,) = probe(spec_of(model=Wrapped())).caveats
    assert "its rows were not probed for leaks" in caveat


def test_outputs_with_one_entry_per_unit_are_probed_like_rows():
    """A flattened (rows x length, classes) output still shows a look ahead."""

    class Flat(Net):
        def hidden(self, batch):
            return (super().hidden(batch) + 0.1 * super().hidden(batch).roll(-1, 1)).flatten(0, 1)

    class Flattened(Family):
        net = Flat

    with pytest.raises(PluginError) as error:
        probe(spec_of(model=Flattened()))
    assert error.value.code == "not-causal"
