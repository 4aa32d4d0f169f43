"""The command line as its users type it: exit statuses, one clear message, results on stdout."""

import json
import sqlite3

import pytest

import flops_fit
from flops_fit import find_optimal
from flops_fit.cli import main
from flops_fit.errors import SpecError

TINY = """\
model: gpt
data: {kind: stdlib_text, length: 32}
budgets: {start: 3.0e+8, stop: 2.1e+9, count: 7}
design: {sizes_per_budget: 4, window: 8, n_min: 4000, min_steps: 4}
training: {batch_size: 4, workers: 1}
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A tiny sweep of real GPTs on real text, trained once for this module."""
    folder = tmp_path_factory.mktemp("sweep")
    spec = folder / "sweep.yaml"
    spec.write_text(TINY + f"output_dir: {folder / 'out'}\n")
    status = main(["run", str(spec), "--quiet"])
    return spec, folder / "out", status


def test_run_leaves_spec_runs_law_and_plots(sweep):
    _, out, status = sweep
    assert status in {0, 3}
    assert (out / "spec.json").is_file()
    assert (out / "law.json").is_file()
    assert list((out / "plots").glob("*.png"))
    with sqlite3.connect(out / "runs.sqlite") as rows:
        n_completed = rows.execute("SELECT count(*) FROM runs WHERE status = 'completed'").fetchone()[0]
    assert n_completed >= 20


def test_every_row_spent_what_it_claims(sweep):
    with sqlite3.connect(sweep[1] / "runs.sqlite") as rows:
        for n_units, planned, flops, budget, reason in rows.execute(
            "SELECT n_units, n_units_planned, flops, budget, reason FROM runs WHERE status = 'completed'"
        ):
            assert n_units == pytest.approx(planned, rel=0.01)
            assert flops == pytest.approx(budget, rel=0.01) or "off target" in reason


def test_running_again_trains_nothing_and_prints_the_same_table(sweep, capsys):
    spec, out, _ = sweep
    main(["table", str(out)])
    before = "\n".join(line for line in capsys.readouterr().out.splitlines() if line.startswith("|"))
    stamp = (out / "runs.sqlite").read_bytes()
    main(["run", str(spec), "--quiet"])
    told = capsys.readouterr()
    assert before in told.out
    assert f"open {out / 'report.html'}\nnext: flops-fit " in told.err
    assert (out / "runs.sqlite").read_bytes() == stamp


def test_fit_of_a_sweep_directory_gives_the_answer_of_the_sweep(sweep, capsys):
    _, out, _ = sweep
    main(["table", str(out)])
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    main(["fit", str(out)])
    assert "\n".join(table) in capsys.readouterr().out


def test_predict_answers_in_json(sweep, capsys):
    _, out, _ = sweep
    assert main(["predict", str(out), "--flops", "1e10", "--json", "--accept-unreliable"]) in {0, 3}
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["n_params_interval"]["low"] < answer["n_params"] < answer["n_params_interval"]["high"]


def test_predict_answers_every_question_in_one_line_each(sweep, capsys):
    _, out, _ = sweep
    for asked in (
        "--n-params 1e4",
        "--n-units 1e5",
        "--flops 1e9 2e9 --n-params 5e3",
        "--flops 1e9 --inference-units 1e4",
        "--gpu-hours 1e-5",
        "--gpu-hours 1e-9 --device A100 --utilisation 0.4",
    ):
        argv = ["predict", str(out), *asked.split(), "--accept-unreliable", "--json"]
        assert main(argv) in {0, 3}
        for answer in json.loads(capsys.readouterr().out):
            assert answer["n_params"] > 0
            assert answer["duration"]["seconds"]["value"] > 0


def test_plot_writes_the_file_it_names(sweep, tmp_path, capsys):
    main(["plot", str(sweep[1]), "--out", str(tmp_path / "law.pdf")])
    assert (tmp_path / "law.pdf").read_bytes().startswith(b"%PDF")
    capsys.readouterr()
    main(["plot", str(sweep[1] / "law.json"), "--picture", "size"])
    assert capsys.readouterr().out == f"{sweep[1] / 'plots' / 'drawn-size.png'}\n"
    assert (sweep[1] / "plots" / "drawn-size.png").is_file()


def test_export_then_fit_gives_the_same_numbers(sweep, tmp_path, capsys):
    _, out, _ = sweep
    main(["fit", str(out), "--json"])
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    assert main(["export", str(out), "--out", str(tmp_path / "runs.csv")]) == 0
    main(["fit", str(tmp_path / "runs.csv"), "--json"])
    again = json.loads(capsys.readouterr().out)["predictions"]
    for name in ("flops", "n_params", "n_units", "loss"):
        assert [p[name] for p in again] == pytest.approx([p[name] for p in predictions], rel=1e-9)


def test_simulate_never_touches_trained_rows_and_says_so_everywhere(sweep, capsys):
    spec, out, _ = sweep
    stamp = (out / "runs.sqlite").read_bytes()
    main(["run", str(spec), "--simulate", "--quiet"])
    assert "simulated" in capsys.readouterr().out.lower()
    assert (out / "runs.sqlite").read_bytes() == stamp
    with sqlite3.connect(out / "simulated" / "runs.sqlite") as rows:
        assert {origin for (origin,) in rows.execute("SELECT origin FROM runs")} == {"simulated"}


def test_plan_prints_the_grid_and_trains_nothing(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(TINY + f"output_dir: {tmp_path / 'out'}\n")
    assert main(["plan", str(spec)]) == 0
    assert "3e+08" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_plan_with_an_error_is_shown_and_refused_by_run_before_anything_is_spent(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(TINY + f"output_dir: {tmp_path / 'out'}\n")
    wide = ["--set", "budgets.start=3e6"]
    assert main(["plan", str(spec), *wide]) == 2
    shown = capsys.readouterr()
    assert "ERROR [empty-budget] No run at 3e+06, " in shown.out
    assert "next:" not in shown.err
    assert main(["run", str(spec), *wide, "--quiet"]) == 2
    told = capsys.readouterr().err
    assert told == shown.err
    assert told.endswith("see: flops-fit explain empty-budget\n")
    assert not (tmp_path / "out" / "runs.sqlite").exists()


def test_set_changes_one_field_and_is_checked_like_the_file(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(TINY)
    assert main(["plan", str(spec), "--set", "training.batch_size=none"]) == 2
    assert "training.batch_size" in capsys.readouterr().err


def test_init_writes_a_spec_that_checks(tmp_path, capsys):
    for preset in ("quick", "thorough"):
        spec = tmp_path / f"{preset}.yaml"
        assert main(["init", "--preset", preset, "--out", str(spec)]) == 0
        assert main(["plan", str(spec)]) == 0


def test_init_never_overwrites(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text("mine")
    assert main(["init", "--out", str(spec)]) == 2
    assert spec.read_text() == "mine"


def test_schema_names_every_option_of_every_plugin(capsys):
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    by_kind = {
        name: schema["properties"][name]["anyOf"][1]["discriminator"]["mapping"] for name in ("model", "data")
    }
    assert "gpt" in by_kind["model"]
    assert {"text_files", "tinystories", "stdlib_text"} <= set(by_kind["data"])


MISTAKES = """\
model: {kind: gtp}
data: {kind: stdlib_text, length: -3}
budgets: [1e10, 1e9]
trainning: {lr: 1}
seeds: [0, 0]
"""


def test_five_mistakes_are_told_at_once(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(MISTAKES)
    assert main(["check", str(spec)]) == 2
    told = capsys.readouterr().err
    for hint in ("gpt", "length", "budgets", "training", "seeds"):
        assert hint in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a missing column", "N,loss\n1e6,3\n", "D"),
        ("a NaN", "N,D,loss\n1e6,1e8,3\n2e6,1e8,nan\n", "3"),
        ("a text cell", "N,D,loss\n1e6,1e8,3\n2e6,lots,3\n", "lots"),
        ("two rows", "N,D,loss\n1e6,1e8,3\n2e6,1e8,2.9\n", "2"),
    ],
)
def test_a_table_that_cannot_be_fitted_gives_one_message(tmp_path, capsys, name, content, hint):
    table = tmp_path / "runs.csv"
    table.write_text(content)
    assert main(["fit", str(table)]) == 2
    told = capsys.readouterr().err
    assert hint in told
    assert told.count("fix:") == 1
    assert "Traceback" not in told


def test_columns_of_other_names_are_mapped(tmp_path, capsys):
    table = tmp_path / "runs.csv"
    table.write_text("params,tokens,loss\n1e6,1e8,3\n")
    assert main(["fit", str(table), "--columns", "N=params,D"]) == 2
    assert "NAME=COLUMN" in capsys.readouterr().err


def test_every_option_of_fit_reaches_the_fit(tmp_path, capsys):
    table = tmp_path / "runs.csv"
    header = '"n, all",D,loss,data,C'
    rows = [
        f"{n},{d},{1.8 + 480 * n**-0.35 + 2000 * d**-0.37:.6f},{data},{6.3 * n * d}"
        for data in ("c4", "wiki")
        for n in (1e6, 2e6, 4e6, 8e6, 1.6e7)
        for d in (2e8, 4e8, 8e8, 1.6e9)
    ]
    table.write_text("\n".join([header, *rows]))
    options = f"--where data=c4 --form chinchilla --n-is total --c-is counted --unit token --out {tmp_path}"
    names = ["--columns", "N=n, all,loss=loss", "--loss-unit", "nats per token"]
    assert main(["fit", str(table), *options.split(), *names]) in {0, 3}
    told = capsys.readouterr()
    assert "Fit: 'chinchilla'" in told.out
    assert "Counted as: N total, C counted, unit of L nats per token." in told.out
    assert "| D (tokens) |" in told.out
    assert f"law, plots and report.html are in {tmp_path}" in told.err
    assert (tmp_path / "plots" / "isoflop.png").is_file()


def test_plugins_lists_the_core_and_gpt(capsys):
    assert main(["plugins", "--check"]) == 0
    shown = capsys.readouterr()
    assert "flops-fit-gpt" in shown.out
    assert "stdlib_text" in shown.out
    assert shown.err == "all plugins load, and no two claim the same name\n"


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"flops-fit {flops_fit.__version__}\n"


def test_check_refuses_what_run_would_and_else_names_the_plan(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(TINY)
    assert main(["check", str(spec)]) == 0
    told = capsys.readouterr()
    assert told.out.endswith("every probe passed\n")
    assert f"next: flops-fit plan {spec} " in told.err
    assert main(["check", str(spec), "--set", "budgets={start: 1e14, stop: 1e15, count: 7}"]) == 2
    told = capsys.readouterr()
    assert (told.out, "explain many-epochs" in told.err) == ("", True)


def test_a_share_is_read_in_percent_too(sweep, capsys):
    answers = []
    for utilisation in ("40%", "0.4"):
        argv = ["predict", str(sweep[1]), "--gpu-hours", "1e-9", "--device", "A100", "--accept-unreliable"]
        assert main([*argv, "--utilisation", utilisation]) in {0, 3}
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert main([*argv, "--utilisation", "half"]) == 2
    assert "'half' is no number; write e.g. 0.4 or 40%\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "plan"])
def test_whoever_waits_at_a_terminal_is_told_for_what(tmp_path, monkeypatch, capsys, command):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(TINY)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main([command, str(spec)]) == 0
    assert "this may take half a minute ...\n" in capsys.readouterr().err


def test_a_missing_spec_is_one_clear_error(capsys):
    assert main(["run", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["plot", "LAW", "--out", "law.xyz"], "'.xyz' is no format of a plot"),
        (["table", "LAW", "--flops", "1e300"], "positive number up to"),
        (["export", "LAW", "--to", "nowhere/runs.csv"], "nowhere/runs.csv cannot be written"),
        (["fit", "LAW", "--out", "in-the-way"], "in-the-way/law.json cannot be written"),
        (["fit", "LAW", "--columns", "N=a,N=b"], "twice"),
        (["fit", "."], "There is no sweep in ."),
        (["fit", "LAW", "--where", "data"], "'data' is not COLUMN=VALUE"),
        (["fit", "LAW", "--where", "loss>3"], "rows are chosen by equal values only"),
        (["fit", "LAW", "--where", "a=1", "--where", "a=2"], "names one of a twice"),
        (["fit", "LAW", "--where", "seed=0"], "columns, where and layout choose from a table"),
        (["fit", "LAW", "--form", "chinchila"], "use 'chinchilla'"),
        (["fit", "LAW", "--c-is", "6ND"], "C is declared to be 6·N·D, but it is"),
        (["export", "LAW", "--to", "runs.xlsx"], "'.xlsx' is no format of a table"),
        (["init", "--model", "gtp"], "use 'gpt'"),
        (["init", "--out", "nowhere/sweep.yaml"], "nowhere/sweep.yaml: cannot be written"),
        (["predict", "in-the-way", "--flops", "1e18"], "in-the-way is no scaling law"),
        (["predict", "LAW", "--n-params", "1e4", "--loss", "2"], "does not answer --loss with --n-params"),
        (["predict", "LAW", "--flops", "1e9", "--device", "H100"], "--utilisation 0.4"),
        (["fit", "LAW", "--layout", "wandb"], "choose from a table"),
    ],
)
def test_a_mistake_is_one_message_without_a_traceback(sweep, tmp_path, monkeypatch, capsys, argv, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in-the-way").touch()
    assert main([str(sweep[1]) if word == "LAW" else word for word in argv]) == 2
    told = capsys.readouterr().err
    assert hint in told
    assert told.count("fix:") == 1


@pytest.mark.parametrize("content", ["{", "{}", '{"plan": 3}', '{"plan": {}}'])
def test_a_sweep_whose_spec_was_edited_says_how_to_get_it_back(sweep, tmp_path, capsys, content):
    (tmp_path / "runs.sqlite").write_bytes((sweep[1] / "runs.sqlite").read_bytes())
    (tmp_path / "spec.json").write_text(content)
    assert main(["fit", str(tmp_path)]) == 2
    assert "flops-fit run` again" in capsys.readouterr().err


def test_a_spec_and_arguments_that_it_describes_are_not_both_taken():
    with pytest.raises(SpecError, match="a spec and compute_budgets, seeds as well"):
        find_optimal("sweep.yaml", compute_budgets=[1e9], seeds=(0, 1))


@pytest.mark.parametrize(
    ("argv", "fix"),
    [
        (["predic", "law"], "flops-fit predict"),
        (["table", "law", "--format", "latx"], "--format latex"),
        (["table", "law", "--format", "tex"], "--format latex"),
        (["table", "law", "--format", ".md"], "--format markdown"),
        (["fit", "law", "--n-is", "embedding"], "--n-is non-embedding"),
        (["demo", "--seeds", "many"], "see what it takes: flops-fit demo --help"),
        (["fit"], "see what it takes: flops-fit fit --help"),
        (
            ["predict", "law", "--gpu-hours", "2,5"],
            "write it without commas: --gpu-hours 2.5",
        ),
        (
            ["fit", "a.csv", "--columns", "N=a", "D=b"],
            "join pairs by commas, e.g. --columns N=params,D=tokens",
        ),
        (["predict", "--flops", "1e9", "."], "put it before the options: flops-fit predict . --flops ..."),
    ],
)
def test_a_wrong_command_line_is_one_message_with_its_fix(capsys, argv, fix):
    assert main(argv) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[1:] == [f"  fix: {fix}", "  see: flops-fit explain bad-command-line"]


def test_without_a_command_all_of_them_are_listed(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert "new-plugin" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("picture", "fix"),
    [
        ("curve", "flops-fit plot {out} --curves"),
        ("training", "flops-fit plot {out} --curves"),
        ("isoflops", "--picture isoflop"),
    ],
)
def test_a_picture_that_does_not_exist_names_what_was_meant(sweep, capsys, picture, fix):
    law = sweep[1] / "law.json"
    assert main(["plot", str(law), "--picture", picture]) == 2
    assert f"fix: {fix.format(out=sweep[1])}\n" in capsys.readouterr().err
