import json
import re
from dataclasses import replace

import numpy as np
import pytest

from flops_fit.errors import FitError, StoreError
from flops_fit.result import ScalingResult, load


def test_a_prediction_spends_the_budget(fitted):
    prediction = ScalingResult(fitted).predict(1e18)
    assert 6 * prediction.n_params * prediction.n_units == pytest.approx(1e18)
    assert prediction.extrapolation == pytest.approx(10)


def test_every_interval_holds_its_number_and_the_near_optimal_sizes_hold_the_optimum(fitted):
    result = ScalingResult(fitted)
    for flops in np.geomspace(1e15, 1e19, 9):
        p = result.predict(float(flops))
        assert p.n_params in p.n_params_interval
        assert p.n_units in p.n_units_interval
        assert p.loss in p.loss_interval
        assert p.n_params in p.near_optimal_n


def test_extrapolation_is_said_and_beyond_a_thousandfold_refused(known_law):
    result = ScalingResult(known_law)
    assert result.predict(5e16).caveats == ()
    assert result.predict(1e18).caveats == ("Extrapolated: 10 times the largest budget trained.",)
    assert (
        result.predict(5e18).caveats[0].startswith("FAR EXTRAPOLATION: 50 times the largest budget trained")
    )
    with pytest.raises(FitError, match=r"1e\+21 FLOPs is 10,000 times the largest budget trained") as caught:
        result.predict(1e21)
    assert caught.value.code == "far-extrapolation"
    assert result.predict(1e21, accept_unreliable=True).caveats[0].startswith("NOT SUPPORTED: 10,000 times")


def test_budgets_below_those_trained_are_said(known_law):
    assert ScalingResult(known_law).predict(1e14).caveats == (
        "Extrapolated: 10 times below the smallest budget trained.",
    )


def test_an_unreliable_law_answers_only_when_told_to(bad_law):
    result = ScalingResult(bad_law)
    assert result.status == "unreliable"
    with pytest.raises(FitError, match="unreliable: The best size lies beyond the sizes trained") as caught:
        result.predict(1e16)
    assert caught.value.code == "unreliable-fit"
    with pytest.raises(FitError, match="unreliable"):
        result.loss_at(n_params=1e6, n_units=1e9)
    accepted = result.predict(1e16, accept_unreliable=True)
    assert accepted.caveats == ("The best size lies beyond the sizes trained.", "4 budgets are few.")
    simulated, unreliable, answer, *rest = str(accepted).splitlines()
    assert simulated == "SIMULATED losses: nothing here was trained."
    assert unreliable == "UNRELIABLE: The best size lies beyond the sizes trained."
    assert answer.startswith("With 1.00e+16 FLOPs")
    assert "  note: 4 budgets are few." in rest
    assert "sizes trained" not in "".join(rest)  # what the banner says is not said again


@pytest.mark.parametrize(("times", "told"), [(10, "Extrapolated: 10"), (1000, "FAR EXTRAPOLATION: 1,?000")])
def test_a_multiple_of_the_largest_budget_may_be_written_with_three_digits(known_law, times, told):
    """As `run` writes it when it says what to type next."""
    high = 8.937290981e18
    law = replace(known_law, headline=replace(known_law.headline, flops_range=(1e15, high)))
    written = float(f"{times * high:.3g}")
    assert written > times * high
    assert re.match(f"{told} times the largest", ScalingResult(law).predict(written).caveats[0])


@pytest.mark.parametrize("flops", [0, -1e18, float("nan"), float("inf")])
def test_a_budget_that_is_no_positive_number_is_refused(known_law, flops):
    result = ScalingResult(known_law)
    with pytest.raises(FitError, match="flops must be a positive number"):
        result.predict(flops)
    with pytest.raises(FitError, match="flops must be a positive number"):
        result.chinchilla_table([1e16, flops])


def test_loss_anywhere_agrees_with_the_optimum_and_is_higher_elsewhere(fitted):
    result = ScalingResult(fitted)
    best = result.predict(1e17)
    there = result.loss_at(n_params=best.n_params, n_units=best.n_units)
    smaller = result.loss_at(n_params=best.n_params / 4, n_units=best.n_units * 4)
    assert there.loss == pytest.approx(best.loss, rel=2e-3)
    assert smaller.loss > there.loss
    assert smaller.flops == pytest.approx(1e17)
    assert smaller.loss in smaller.loss_interval


def test_a_prediction_reads_like_this(known_law):
    assert str(ScalingResult(known_law).predict(1e18)) == (
        "With 1.00e+18 FLOPs train 31.6M parameters on 5.27B tokens; expect a loss of 2.752.\n"
        "  N  22.0M to 45.5M (95% interval)\n"
        "     as good: 17.8M to 56.2M, whose loss is within 1.00% of the least, the scatter of runs\n"
        "  D  3.66B to 7.59B (95% interval); 167 per parameter\n"
        "  L  2.725 to 2.779 (95% interval)\n"
        "  note: Extrapolated: 10 times the largest budget trained."
    )


@pytest.mark.parametrize("where", ["law.json", "deep/er/mine.json", "folder"])
def test_a_saved_law_answers_the_same(fitted, tmp_path, where):
    written = ScalingResult(fitted).save(tmp_path / where)
    for source in (written, written.parent) if written.name == "law.json" else (written,):
        again = load(source)
        assert again.law.to_json() == fitted.to_json()
        assert again.predict(1e18) == ScalingResult(fitted).predict(1e18)
        assert again.chinchilla_table() == ScalingResult(fitted).chinchilla_table()


def test_a_law_that_is_not_there_or_no_law_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no law to read at"):
        load(tmp_path)
    (tmp_path / "law.json").write_text("{}")
    with pytest.raises(FitError, match=r"law\.json is no scaling law"):
        load(tmp_path)


def test_the_table_without_budgets_covers_those_trained_and_ten_times_the_largest(fitted):
    budgets = ScalingResult(fitted).budgets_of_interest()
    assert budgets == pytest.approx([*np.geomspace(1e15, 1e17, 7), 1e18])


def test_runs_of_no_budget_with_more_compute_get_a_row_of_their_own(fitted):
    surface, valley = fitted.second, fitted.headline
    second = ScalingResult(replace(fitted, headline=surface, second=valley))
    assert second.budgets_of_interest()[-2:] == pytest.approx([1e17, 1e18])
    more = replace(surface, flops_range=(1e15, 1e18))
    beyond = ScalingResult(replace(fitted, headline=more, second=valley)).budgets_of_interest()
    assert beyond[-3:] == pytest.approx([1e17, 1e18, 1e19])


def test_the_summary_is_json_with_every_number_and_finding(fitted):
    summary = json.loads(json.dumps(ScalingResult(fitted).summary()))
    assert summary["status"] == "ok"
    assert len(summary["predictions"]) == 8
    assert summary["predictions"][0]["n_params_interval"].keys() == {"low", "high", "level"}
    assert [f["code"] for f in summary["findings"]] == [f.code for f in fitted.findings]


def test_the_description_explains_every_finding(fitted, bad_law):
    text = ScalingResult(bad_law).describe()
    assert text.startswith("SIMULATED losses")
    assert "error x: The best size lies beyond the sizes trained.\n  -> train more" in text
    assert "Second opinion, 'chinchilla'" in ScalingResult(fitted).describe()


@pytest.mark.parametrize("flops", [-1e18, 0.0, 1e41, 1e300, float("inf"), float("nan")])
def test_a_budget_that_nobody_means_is_refused(fitted, flops):
    with pytest.raises(FitError, match="positive number up to 1e"):
        ScalingResult(fitted).predict(flops, accept_unreliable=True)
    with pytest.raises(FitError, match="positive number up to 1e"):
        ScalingResult(fitted).chinchilla_table([flops])


def test_a_plot_goes_to_the_file_it_names_or_says_why_not(fitted, tmp_path):
    result = ScalingResult(fitted)
    assert result.save_plot(tmp_path / "plots" / "law.svg").read_text().startswith("<?xml")
    with pytest.raises(StoreError, match=r"'\.xyz' is no format of a plot; formats: .*png"):
        result.save_plot(tmp_path / "law.xyz")
    with pytest.raises(StoreError, match="'no suffix' is no format"):
        result.save_plot(tmp_path / "law")


def test_a_law_or_plot_that_cannot_be_written_is_one_clear_error(fitted, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"law\.json cannot be written"):
        ScalingResult(fitted).save(tmp_path / "file")
    with pytest.raises(StoreError, match=r"law\.png cannot be written"):
        ScalingResult(fitted).save_plot(tmp_path / "file" / "law.png")
