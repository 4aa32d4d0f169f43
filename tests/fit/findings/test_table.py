from dataclasses import replace

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.fit.findings.table import about_table
from flops_fit.fit.points import points_of
from flops_fit.runs import NO_LOSS


def told(runs):
    """Nothing needs to be fitted to judge a table."""
    return {finding.code: finding for finding in about_table(points_of(runs), runs)}


def test_budgets_that_were_inferred_are_said_to_be(chinchilla_runs):
    assert "inferred-budgets" in told(chinchilla_runs(noise=0.002, named=False))
    assert "inferred-budgets" not in told(chinchilla_runs(noise=0.002))


def test_where_no_budgets_are_seen_the_reader_is_told_how_to_name_them(clean):
    rng = np.random.default_rng(0)
    scattered = [replace(r, flops=r.flops * rng.uniform(0.7, 1.4)) for r in clean]
    assert "no-budgets" not in told(scattered)
    finding = told([replace(r, budget=None) for r in scattered])["no-budgets"]
    assert finding.severity == "info"
    assert 'columns={"budget": "COLUMN"}' in finding.action
    assert "inferred-budgets" not in told([replace(r, budget=None) for r in scattered])


@pytest.mark.parametrize("counted", [True, False])
def test_compute_that_is_6nd_is_said_to_be(clean, counted):
    runs = [replace(r, flops=r.flops * (1.1 if counted else 1)) for r in clean]
    assert ("compute-is-6nd" in told(runs)) is not counted


def test_compute_of_one_pass_instead_of_the_run_is_found_out(clean):
    runs = [replace(r, flops=r.flops / 100, budget=r.budget / 100) for r in clean]
    message = told(runs)["too-little-compute"].message
    assert message.startswith("The compute of the runs is 0.01 of 6·N·D")


@pytest.mark.parametrize(
    ("factor", "meaning"),
    [
        (1 / 3, "times 6·N·D in nearly all runs: as if only forward passes were counted."),
        (4 / 3, "as if forward passes were counted twice, as recomputed activations are."),
        (1e6, "C is 1e+06 times 6·N·D in nearly all runs: as if N, D or C were in another unit."),
        (3.0, "as if N, D or C counted something else."),
    ],
)
def test_compute_that_is_a_multiple_of_6nd_is_found_out(clean, factor, meaning):
    rng = np.random.default_rng(0)
    runs = [
        replace(r, origin="imported", flops=factor * r.flops * np.exp(0.01 * rng.normal()), budget=None)
        for r in clean
    ]
    finding = told(runs)["scaled-compute"]
    assert (finding.severity, meaning in finding.message) == ("warning", True)
    assert "too-little-compute" not in told(runs)
    assert "scaled-compute" not in told([replace(r, origin="trained") for r in runs])
    assert "scaled-compute" not in told([r for r in runs if r.n_params < 4 * runs[0].n_params])


def test_what_6nd_leaves_out_is_no_multiple_of_it(clean):
    """Attention and embeddings weigh more in small models."""
    runs = [replace(r, origin="imported", flops=r.flops * (1 + np.sqrt(3e6 / r.n_params))) for r in clean]
    assert "scaled-compute" not in told(runs)
    assert "scaled-compute" not in told([replace(r, origin="imported", flops=1.05 * r.flops) for r in clean])


def test_no_public_table_is_taken_for_a_multiple(public_runs):
    for name in ("epoch_chinchilla", "ml_scalefit_chinchilla", "llama_3", "porian_owt2", "vision_imagenet"):
        assert "scaled-compute" not in told(public_runs(name))


def test_models_of_one_size_and_different_flops_are_found_out(clean):
    runs = [replace(r, flops=r.flops * (1, 2, 0.5)[i % 3], budget=None) for i, r in enumerate(clean)]
    assert "mixed-architectures" in told(runs)


def test_a_run_that_stopped_before_its_end_is_an_error(clean):
    runs = [replace(r, n_units_planned=r.n_units * (1.5 if i == 30 else 1.001)) for i, r in enumerate(clean)]
    finding = told(runs)["unfinished-runs"]
    assert finding.severity == "error"
    assert finding.message.startswith("1 runs stopped before the data planned for them (run 030 among them)")
    assert "unfinished-runs" not in told([replace(r, n_units_planned=r.n_units) for r in clean])


def checkpoints(chinchilla_runs, *, even: bool):
    """Ten sizes, each with the losses of eight amounts of data."""
    for r in chinchilla_runs(noise=0.002, n_sizes=10, budgets=[1e18]):
        for i in range(8):
            units = r.n_units * ((i + 1) / 8 if even else 2.0 ** (i - 7))
            loss = r.loss + 2085.43 * (units**-0.3658 - r.n_units**-0.3658)
            name = f"{r.run_id}@{i}"
            flops = 6 * r.n_params * units
            yield replace(r, run_id=name, n_units=units, flops=flops, flops_6nd=flops, loss=loss, budget=None)


def test_checkpoints_of_one_run_are_told_from_separate_runs(chinchilla_runs):
    finding = told(tuple(checkpoints(chinchilla_runs, even=True)))["learning-curves"]
    assert (finding.severity, finding.value) == ("warning", 1.0)
    assert "learning-curves" not in told(tuple(checkpoints(chinchilla_runs, even=False)))


def test_branches_of_a_trunk_are_no_checkpoints(chinchilla_runs):
    rows = [replace(r, trunk=r.size) for r in checkpoints(chinchilla_runs, even=True)]
    assert "learning-curves" not in told(rows)


def test_runs_of_negative_loss_are_not_sent_to_be_trained_again(clean):
    below = [replace(r, loss=-0.1 if i < 3 else r.loss) for i, r in enumerate(clean)]
    failed = [replace(r, loss=None, status="failed") if i < 3 else r for i, r in enumerate(clean)]
    assert "stays above 0" in told(below)["excluded-runs"].action
    assert "train them again" in told(failed)["excluded-runs"].action
    assert "columns" not in told(failed)["excluded-runs"].action


def test_rows_without_a_loss_make_the_column_of_the_loss_be_asked_for(clean):
    lost = [replace(r, loss=None, status="failed", reason=NO_LOSS) for r in clean]
    finding = told([*clean[4:], *lost[:4]])["excluded-runs"]
    assert all(run.run_id in finding.message for run in lost[:4])
    assert f"4 of {len(clean)} runs take no part" in finding.message
    assert finding.action.endswith("if another column holds their loss, say so with columns")
    with pytest.raises(FitError, match=r"None of the \d+ runs has a loss") as caught:
        told(lost)
    assert caught.value.fix == "say which column holds the loss with columns"
