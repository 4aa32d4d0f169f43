"""What the conformance suite cannot know: that the scan is the recurrence, and what the count consists of."""

import torch
from flops_fit.builtin.flops import TracedFlops
from flops_fit.builtin.text import StdlibText

from gated_ssm.family import GatedSsmFamily
from gated_ssm.flops import GatedSsmFlops
from gated_ssm.model import recur


def test_the_scan_equals_the_recurrence_step_by_step() -> None:
    generator = torch.Generator().manual_seed(0)
    keep, new = torch.rand(2, 3, 21, 5, generator=generator, dtype=torch.float64)
    state, states = torch.zeros(3, 5, dtype=torch.float64), []
    for t in range(21):
        state = keep[:, t] * state + new[:, t]
        states.append(state)
    torch.testing.assert_close(recur(keep, new), torch.stack(states, dim=1))


def test_the_counter_is_the_traced_count_plus_the_recurrence() -> None:
    data = StdlibText(length=16)
    for model in (GatedSsmFamily(), GatedSsmFamily(n_layers=3)):
        for size in model.ladder(1e3, 3e4, data.spec()):
            counted = GatedSsmFlops().train_flops_per_unit(model, size, data)
            traced = TracedFlops().train_flops_per_unit(model, size, data)
            assert counted == traced + 6 * model.n_layers * size.options["width"]
