import json
import re
from dataclasses import replace

import pytest

from flops_fit.cli import main
from flops_fit.config import MadeFrom
from flops_fit.design import Finding
from flops_fit.fit import Chinchilla, fit_law, law_from_json
from flops_fit.fit.conventions import Conventions
from flops_fit.fit.points import Excluded
from flops_fit.result import ScalingResult, checklist_text

OURS = MadeFrom(
    model="gpt (flops-fit-gpt 1.0)",
    model_options={"kind": "gpt", "head_dim": 16},
    data="text_files (flops-fit-gpt 1.0)",
    data_options={"kind": "text_files"},
    epoch=10**9,
    loss="cross_entropy",
    flop_counter="traced",
    training={"batch_size": 32, "warmup": 0.1, "lr": None},
    lr=0.5,
    lr_transfers=False,
    seeds=(0,),
    versions={"flops-fit": "1.0"},
)
OF_THE_TABLE = {8, 9, 10, 11, 12, 13, 14, 15}
"""Questions that a table of N, D and loss leaves open."""


@pytest.fixture(scope="module")
def trained(fitted):
    return replace(fitted, made_from=OURS)


@pytest.fixture(scope="module")
def imported(sweep):
    return fit_law(sweep(origin="imported"))


def test_every_question_of_a_sweep_of_ours_is_answered(trained):
    items = ScalingResult(trained).checklist()
    assert [item.number for item in items] == list(range(1, 23))
    assert all(item.known for item in items)


def test_what_a_table_does_not_say_is_said_to_be_unknown_and_what_to_state(imported):
    items = ScalingResult(imported).checklist()
    assert {item.number for item in items if not item.known} == OF_THE_TABLE
    assert all("tate" in item.answer for item in items if not item.known)


def test_declared_conventions_answer_how_n_and_c_were_counted(imported):
    declared = Conventions(n_params="total", flops="6ND", loss_unit="nats per token")
    law = replace(imported, conventions=declared)
    items = {item.number: item for item in ScalingResult(law).checklist()}
    assert items[9].known
    assert items[15].answer.startswith("nats per token. Not known: state on which data")


def test_repeated_data_are_counted_in_epochs(trained):
    assert "none of it repeated" not in ScalingResult(trained).checklist()[7].answer
    most = float(trained.points.n_units.max())
    twice = replace(trained, made_from=replace(OURS, epoch=round(most / 2)))
    assert "repeated up to 2 times" in ScalingResult(twice).checklist()[7].answer
    fresh = replace(trained, made_from=replace(OURS, epoch=round(2 * most)))
    assert "none of it repeated" in ScalingResult(fresh).checklist()[7].answer


def test_no_check_of_learning_rates_is_claimed(trained):
    no_other = ScalingResult(trained).checklist()[9].answer
    assert no_other.startswith("One peak learning rate, 0.5, for all runs, and no other was tried.")
    family_says_so = replace(trained, made_from=replace(OURS, lr_transfers=True))
    assert "this sweep made no check of it" in ScalingResult(family_says_so).checklist()[9].answer


def test_trials_of_learning_rates_are_told(trained):
    tuned = Finding(
        code="rate-tuned", severity="info", message="The learning rate 0.5 is the best.", action=""
    )
    answer = ScalingResult(replace(trained, findings=(tuned,))).checklist()[9].answer
    assert answer.startswith(
        "One peak learning rate, 0.5, for all runs. The learning rate 0.5 is the best. One batch"
    )


def test_a_rate_that_scales_with_the_size_is_told(trained):
    scaled = replace(OURS, training=OURS.training | {"lr_scaling": {"at": 1e6, "exponent": -0.25}})
    answer = ScalingResult(replace(trained, made_from=scaled)).checklist()[9].answer
    assert answer.startswith("A peak learning rate of 0.5·(N/1e+06)^-0.25, and no other was tried.")


def test_runs_left_out_are_named_with_the_reason(trained):
    points = replace(trained.points, excluded=(Excluded(run_id="run x", reason="diverged: loss is NaN"),))
    answer = ScalingResult(replace(trained, points=points)).checklist()[20].answer
    assert answer.startswith("63 of 64; without run x (diverged: loss is NaN).")


def test_a_surface_names_its_parameters_and_the_backtest_its_misses(sweep):
    items = ScalingResult(fit_law(sweep(), Chinchilla())).checklist()
    assert items[2].answer.startswith("chinchilla: E = 1.8")
    assert "chinchilla 0." in items[21].answer


def test_simulated_losses_are_never_called_trained(trained):
    law = replace(trained, points=replace(trained.points, origins=("simulated",)))
    items = ScalingResult(law).checklist()
    assert "SIMULATED: nothing was trained" in items[5].answer
    assert all("drawn from a formula" in items[i].answer for i in (12, 13, 14))


def test_the_text_is_a_list_with_a_box_to_tick_per_question(imported):
    text = checklist_text(ScalingResult(imported).checklist())
    assert text.startswith(
        "Checklist of Li et al. 2025 (arXiv:2502.18969): 14 of 22 answered by this law.\n\n1. [x] "
    )
    assert "\n13. [ ] Are checkpoints released?\n   Not known: " in text


def test_a_law_that_was_kept_answers_the_same(trained):
    again = law_from_json(trained.to_json())
    assert again.made_from == OURS
    assert ScalingResult(again).checklist() == ScalingResult(trained).checklist()


def test_the_command_prints_text_or_json(trained, tmp_path, capsys):
    ScalingResult(trained).save(tmp_path)
    assert main(["checklist", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("Checklist of Li et al. 2025")
    assert main(["checklist", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 22


def test_runs_that_place_no_minimum_are_not_said_to_be_used(fitted):
    used = ScalingResult(fitted).checklist()[20].answer
    assert re.match(r"The minima rest on the \d+ runs within .*; \d+ differ more from it in size\.", used)
