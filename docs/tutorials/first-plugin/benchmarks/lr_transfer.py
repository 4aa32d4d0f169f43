"""Prints losses by width and learning rate: does one rate suit all widths? Ten minutes on one core."""

from collections.abc import Iterable
from itertools import islice

import torch
from flops_fit.builtin.losses import CrossEntropy
from flops_fit.builtin.text import StdlibText
from flops_fit.components import Batch

from gated_ssm.family import GatedSsmFamily

STEPS, ROWS, SEEDS = 300, 16, (0, 1)
WIDTHS = (16, 32, 60, 120)
LOG2_RATES = (-3, -2, -1, 0, 1)
TEXT = StdlibText(length=64, eval_rows=256)


def main() -> None:
    print("width", *(f"2^{power:+d}" for power in LOG2_RATES), sep="\t")
    for width in WIDTHS:
        losses = [mean(trained(width, 2.0**power, seed) for seed in SEEDS) for power in LOG2_RATES]
        print(width, *(f"{loss:.3f}" for loss in losses), sep="\t", flush=True)


def trained(width: int, lr: float, seed: int) -> float:
    """Return the held-out loss after a warm-up over a tenth of the steps and a cooldown over a fifth."""
    family, loss_of = GatedSsmFamily(), CrossEntropy()
    size = next(s for s in family.ladder(1, 1e6, TEXT.spec()) if s.options["width"] == width)
    torch.manual_seed(seed)
    model = family.build(size, TEXT.spec())
    optimizer = torch.optim.AdamW(family.param_groups(model, lr, 0.0), betas=(0.9, 0.99), eps=1e-12)
    shape = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / (0.1 * STEPS), (STEPS - step) / (0.2 * STEPS))
    )
    for batch in islice(TEXT.train_batches(ROWS, seed), STEPS):
        loss_of(model(batch), batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        shape.step()
    with torch.no_grad():
        return mean(held_out(model, loss_of, batch) for batch in TEXT.eval_batches(128))


def held_out(model: torch.nn.Module, loss_of: CrossEntropy, batch: Batch) -> float:
    return loss_of(model(batch), batch).item()


def mean(values: Iterable[float]) -> float:
    return torch.tensor(list(values), dtype=torch.float64).mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
