"""A script as users write it: everything in one file, and no `if __name__ == "__main__"`.

Run as `user_script.py DIRECTORY`; trains the same sweep with two workers and with one.
"""

import json
import sys
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from flops_fit.components import FlopCounter
from flops_fit.config import adapt, probe
from flops_fit.design import plan_sweep
from flops_fit.engine import run_sweep
from flops_fit.runs import RunStore

out = Path(sys.argv[1])
with (out / "started").open("a") as log:
    log.write("once\n")

N_INPUTS = 6


class Waves(torch.utils.data.Dataset):
    """Noise on the inputs comes from torch's global generator, as augmentation does."""

    def __len__(self):
        return 600

    def __getitem__(self, i):
        inputs = torch.linspace(-1, 1, N_INPUTS) * (1 + i / 100)
        return inputs + 0.01 * torch.randn(N_INPUTS), torch.sin(inputs).sum()


class Base(nn.Module):
    def num_params(self):
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


class Net(Base):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_INPUTS, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1)
        )

    def forward(self, inputs):
        return self.layers(inputs).squeeze(-1)


class SixN(FlopCounter):
    kind: Literal["script_six_n"] = "script_six_n"
    factor: float = 6.0

    def train_flops_per_unit(self, model, size, data):
        return self.factor * size.n_params


def sweep(workers, path):
    spec = adapt(
        model_cls=Net,
        model_size_param="width",
        model_sizes=(2, 3, 4, 6, 8),
        dataset=Waves(),
        loss_fn=lambda outputs, targets: (outputs - targets).square().mean(),
        flops=SixN(),
        compute_budgets=(1e5, 2e5),
        design={"units_per_param": 10, "min_steps": 10, "n_min": 10, "n_max": 100},
        training={"batch_size": 8, "workers": workers},
        allow_thin_sweep=True,
    )
    plan = plan_sweep(spec, probe(spec))
    with RunStore(out / path) as store:
        trained = run_sweep(plan, spec, store).trained
        return [trained, [(row.run_id, row.status, row.loss) for row in store.read()]]


print(json.dumps([sweep(2, "two.sqlite"), sweep(1, "one.sqlite"), sweep(1, "two.sqlite")]))
