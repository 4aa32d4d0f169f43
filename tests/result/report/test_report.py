"""The report: one file, the answer first, nothing that a user named taken for markup."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from flops_fit.cli import main
from flops_fit.design import Finding
from flops_fit.errors import StoreError
from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.curves import M2
from flops_fit.result import ScalingResult
from flops_fit.runs import RunStore
from flops_fit.runs.curves import CurvePoint

SECTIONS = ("table", "pictures", "diagnostics", "fit", "cost", "provenance", "checklist", "cite")


def test_the_answer_stands_first_in_one_sentence_with_intervals_and_trust(page, fitted):
    p = ScalingResult(fitted).predict(1e18)
    first_screen = page.words[: page.words.index("What to train")]
    assert "With 1.00e+18 FLOPs, 10 times the largest budget trained, train" in first_screen
    assert re.search(
        r"N\* parameters \S+ 95% interval \S+ to \S+ D\* tokens, \S+ per parameter", first_screen
    )
    assert re.search(r"L\* loss, nats per token \S+ 95% interval", first_screen)
    assert f"{p.noise:.2%} of the least" in first_screen
    assert (
        "Usable, with one reservation. Extrapolated: 10 times the largest budget trained. Backtest, upper"
        in first_screen
    )
    assert re.search(
        r"predicted from lower ones: \d of 6 intervals held N\*, \d of 6 intervals held L\.",
        first_screen,
    )


def test_every_section_is_there_and_linked(page):
    assert set(SECTIONS) <= set(page.values("id"))
    links = [value for value in page.values("href") if value.startswith("#")]
    assert {f"#{name}" for name in SECTIONS} <= set(links)
    assert {link[1:] for link in links} <= set(page.values("id"))


def test_it_needs_neither_network_nor_script(page):
    assert "script" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    loaded = [*page.values("src"), *page.values("href"), *page.values("xlink:href")]
    assert all(value.startswith(("#", "data:")) for value in loaded)
    assert all(inner.startswith("#") for inner in re.findall(r"url\(['\"]?([^)'\"]*)", page.source))
    assert "@import" not in page.source
    assert "default-src 'none'" in page.source


def test_its_markup_is_balanced_and_its_ids_are_unique(page):
    assert page.unbalanced == []
    assert page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))


def test_every_picture_is_there_with_a_name_and_a_caption(page):
    assert page.tags.count("svg") == page.tags.count("figcaption") == 8
    named = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert "IsoFLOP curves" in named
    assert "What this sweep would have predicted" in named


def test_the_same_law_gives_the_same_report(page, fitted, tmp_path):
    assert ScalingResult(fitted).report(tmp_path / "again.html").read_text() == page.source


def test_hostile_names_stay_text(hostile, read, tmp_path):
    found = read(ScalingResult(hostile).report(tmp_path / "report.html").read_text())
    assert not {"script", "img"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert found.unbalanced == []
    assert "<script>alert(1)</script>" in found.words
    assert "{{ 7 * 7 }}" in found.words
    assert found.tags.count("svg") == 8


def test_an_unreliable_simulated_law_is_no_answer(bad_law, read, tmp_path):
    found = read(ScalingResult(bad_law).report(tmp_path / "report.html").read_text())
    first_screen = found.words[: found.words.index("What to train")]
    assert "The numbers below are not to be relied on." in first_screen
    assert "UNRELIABLE: do not build on these numbers." in first_screen
    assert "drawn from a formula: nothing here was trained" in first_screen
    assert "The best size lies beyond the sizes trained." in first_screen
    assert "What to do: train more" in found.words
    assert "No backtest. These 63 runs are too few" in found.words


def test_warnings_are_reservations(known_law, bad_law, read, tmp_path):
    law = replace(known_law, findings=bad_law.findings[1:])
    found = read(ScalingResult(law).report(tmp_path / "report.html", [1e17]).read_text())
    assert "Usable, with one reservation. 4 budgets are few." in found.words
    assert "With 1.00e+17 FLOPs, the largest budget trained, train" in found.words


def test_reservations_about_law_and_answer_are_counted_and_what_was_checked_stands_apart(
    fitted, bad_law, read, tmp_path
):
    law = replace(fitted, findings=bad_law.findings[1:])
    source = ScalingResult(law).report(tmp_path / "report.html").read_text()
    assert "Usable, with 2 reservations. 4 budgets are few. Extrapolated:" in read(source).words
    verdict = source[source.index('<section class="verdict') : source.index("<nav")]
    assert verdict.count("<li>") == 2
    assert '<p class="checked">Backtest, upper budgets predicted from lower ones:' in verdict


def test_words_between_backticks_are_code_and_nothing_in_them_is_markup(known_law, read, tmp_path):
    finding = Finding(
        code="x", severity="warning", message="Column `C` and `<b>`.", action="see `training.audit`"
    )
    law = replace(known_law, findings=(finding,))
    source = ScalingResult(law).report(tmp_path / "report.html").read_text()
    assert source.count("Column <code>C</code> and <code>&lt;b&gt;</code>.") == 2
    assert "see <code>training.audit</code>" in source
    assert "`" not in read(source).words


def test_the_checklist_says_how_much_of_it_the_law_answers(page):
    answered = re.search(r"This law answers (\d+) of the 22; the others are yours to state\.", page.words)
    assert answered
    assert int(answered[1]) == 22 - page.words.count("(to be stated)")


def test_run_ids_are_left_to_the_screen_and_headings_keep_what_follows(page):
    assert "in this report on a screen, and in law.json" in page.words
    on_paper = page.source[page.source.index("@media print") :]
    assert ".on-screen { display: none; }" in on_paper
    assert "h2, h3 { break-after: avoid; break-inside: avoid; }" in on_paper


def test_a_curve_is_reported_without_a_best_size(sweep, read, tmp_path):
    runs = [replace(r, n_params=1e6, budget=None) for r in sweep()]
    found = read(ScalingResult(fit_law(runs, M2(), unit="image")).report(tmp_path / "r.html").read_text())
    assert "a curve over one quantity knows of no best size" in found.words
    assert found.tags.count("svg") == 3
    assert "N*" not in found.words[: found.words.index("Diagnostics")]


@pytest.mark.nightly
def test_a_surface_without_budgets_is_reported(sweep, read, tmp_path):
    runs = [replace(r, budget=None, flops=r.flops * (1 + i % 9)) for i, r in enumerate(sweep())]
    found = read(ScalingResult(fit_law(runs, Chinchilla())).report(tmp_path / "r.html").read_text())
    assert found.tags.count("svg") == 8


def test_a_sweeps_directory_tells_cost_spec_and_training(known_law, sweep, read, tmp_path):
    curve = (CurvePoint("train", 1, 5.0), CurvePoint("train", 8, 4.0), CurvePoint("held_out", 8, 4.1))
    with RunStore(tmp_path / "runs.sqlite") as store:
        for i, run in enumerate(sweep()):
            store.add(
                replace(
                    run, wall_s=10.0, n_steps=8, flops_executed=run.flops / 2, curve=curve if i < 3 else ()
                )
            )
        store.add(replace(sweep()[0], run_id="of another plan", wall_s=1e9))
    (tmp_path / "spec.json").write_text(json.dumps({"spec": {"model": "<b>gpt"}}))
    found = read(ScalingResult(known_law).report(tmp_path / "report.html").read_text())
    total = float(np.sum(known_law.points.flops))
    assert f"FLOPs of the runs {total:.2e} FLOPs executed {total / 2:.2e}" in found.words
    assert "63 completed, 0 without a loss" in found.words
    assert "10.5 minutes of training and evaluation" in found.words
    assert '"model": "<b>gpt"' in found.words
    assert "How the losses of 3 runs fell" in found.words
    assert "of another plan" not in found.source


def test_runs_that_nobody_has_are_said_to_be_of_unknown_cost(page):
    assert "time not known: the runs were imported, or their directory is elsewhere" in page.words


def test_provenance_names_every_run(page, fitted):
    assert all(run_id in page.words for run_id in fitted.points.run_ids)


def test_a_report_that_cannot_be_written_is_one_clear_error(known_law, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"report\.html cannot be written") as caught:
        ScalingResult(known_law).report(tmp_path / "file" / "report.html")
    assert caught.value.code == "unwritable-file"


def test_the_command_answers_for_the_budgets_asked(fitted, tmp_path, capsys):
    ScalingResult(fitted).save(tmp_path)
    target = tmp_path / "elsewhere" / "r.html"
    assert main(["report", str(tmp_path / "law.json"), "--flops", "1e16", "5e17", "--out", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert "With 5.00e+17 FLOPs, 5 times the largest budget trained" in target.read_text()
    assert main(["report", str(tmp_path), "--flops", "-1"]) == 2
    assert "must be a positive number" in capsys.readouterr().err
