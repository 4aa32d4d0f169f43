"""Tables as other tools write them; the numbers are made up, the columns are not."""

import json

import pytest

from flops_fit.errors import TableError
from flops_fit.runs import LAYOUTS, load_table, read_table


@pytest.fixture
def file(tmp_path):
    def write(name: str, *lines: str):
        path = tmp_path / name
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def test_the_results_of_nanochat_need_no_columns(file):
    header = (
        "flops_budget,depth,model_dim,params_wte,params_value_embeds,params_lm_head,params_transformer,"
        "params_scalars,params_total,num_iterations,tokens_trained,val_bpb,core_score,train_time_sec"
    )
    path = file("results.csv", header, "1e18,8,512,1e7,2e7,1e7,25e6,34,65e6,4000,2e9,1.05,0.1,600")
    table = load_table(path, layout="nanochat")
    (run,) = table.records
    assert (run.n_params, run.n_params_nonembedding, run.n_units, run.loss) == (65e6, 25e6, 2e9, 1.05)
    assert (run.flops, run.budget, run.size, run.wall_s) == (1e18, 1e18, "8", 600)
    assert table.loss_unit == "bits per byte"


def test_the_older_results_of_nanochat_are_read_too(file):
    path = file("results.csv", "flops_budget,depth,num_params,tokens_trained,val_bpb", "1e18,8,65e6,2e9,1.05")
    (run,) = read_table(path, layout="nanochat")
    assert (run.n_params, run.n_units, run.budget) == (65e6, 2e9, 1e18)


MARIN = {
    "config": {"model": {"hidden_dim": 512}, "trainer": {"train_batch_size": 32, "seed": 3}},
    "summary": {
        "throughput/total_tokens": 5000,
        "throughput/total_gflops": 2.5,
        "eval/paloma/c4_en/bpb": 1.25,
        "parameter_count": 700,
    },
}


def test_the_metrics_of_marin_are_unfolded_and_their_gflops_turned_into_flops(file):
    table = load_table(file("tracker_metrics.jsonl", json.dumps({"run_path": "a"} | MARIN)), layout="marin")
    (run,) = table.records
    assert (run.run_id, run.n_params, run.n_units, run.flops, run.loss) == ("a", 700, 5000, 2.5e9, 1.25)
    assert (run.batch_size, run.seed) == (32, 3)
    assert table.loss_unit == "bits per byte"


def test_the_table_that_marin_makes_of_them_is_read_with_compute_as_it_is(file):
    path = file("isoflop.csv", "tokens,loss,flops,params,hidden_dim,name", "5000,1.25,2.5e9,700,512,a")
    (run,) = read_table(path, layout="marin")
    assert (run.n_params, run.n_units, run.flops, run.loss) == (700, 5000, 2.5e9, 1.25)


def test_a_project_of_weights_and_biases_keeps_unfinished_runs_as_failed(file):
    path = file(
        "wandb_export.csv",
        '"Name","State","seed","n_params","tokens","eval/loss","train/loss"',
        '"swift-1","finished","7","1000000","20000000","3.5","3.4"',
        '"lost-2","crashed","8","1000000","","",""',
    )
    runs = read_table(path, layout="wandb", columns={"N": "n_params", "D": "tokens", "loss": "eval/loss"})
    assert [run.status for run in runs] == ["completed", "failed"]
    assert (runs[0].run_id, runs[0].seed, runs[0].loss) == ("swift-1", 7, 3.5)
    assert (runs[1].reason, runs[1].n_units, runs[1].loss) == ("its state is 'crashed'", 0.0, None)


def test_columns_are_found_behind_the_prefixes_of_config_and_summary(file):
    path = file("runs.csv", "config.params,summary.loss,config.tokens,summary._runtime", "1e6,3.5,2e7,60")
    (run,) = read_table(path, layout="wandb", columns={"N": "params", "D": "config.tokens"})
    assert (run.n_params, run.n_units, run.loss, run.wall_s) == (1e6, 2e7, 3.5, 60)


def test_objects_that_python_wrote_into_a_csv_file_are_unfolded(file):
    """The script of the public API guide writes them so, numbers that are not finite included."""
    cells = (
        "\"{'val/loss': 3.5, 'gap': nan}\",\"{'n_params': 1000000, 'data': {'tokens': 2e7}, 'seed': 4}\",a"
    )
    path = file("project.csv", "summary,config,name", cells)
    options = {"layout": "wandb", "columns": {"D": "data.tokens", "loss": "val/loss"}}
    (run,) = read_table(path, **options)
    assert (run.n_params, run.n_units, run.loss, run.seed, run.size) == (1e6, 2e7, 3.5, 4, "a")


def test_a_column_called_summary_that_holds_text_stays_as_it_is(file):
    path = file("runs.csv", "N,D,loss,summary", "1e6,2e7,3.5,good", "1e6,2e7,3.5,")
    assert load_table(path).labels["summary"] == ("good", "")


def test_what_the_user_names_goes_before_the_layout(file):
    path = file(
        "results.csv", "flops_budget,params_total,other,tokens_trained,val_bpb", "1e18,65e6,7e6,2e9,1.05"
    )
    (run,) = read_table(path, layout="nanochat", columns={"N": "other"})
    assert run.n_params == 7e6


def test_an_unknown_layout_is_put_right(file):
    with pytest.raises(TableError, match=f"known: {', '.join(LAYOUTS)}") as caught:
        read_table(file("runs.csv", "N,D,loss", "1e6,2e7,3.5"), layout="nanochatt")
    assert caught.value.code == "unknown-layout"
    assert caught.value.fix.startswith("use 'nanochat'")


WANDB = '"Name","State","batch_size","seq_len","num_params","_step","_runtime","val/loss"'
FINISHED = '"glad-0","finished","256","512","7905694","16084","1000.0","4.51"'
CRASHED = '"lost-1","crashed","256","512","7905694","12","1.0","NaN"'


def test_a_fix_repeats_the_layout_and_what_was_named_rightly(file):
    path = file("runs.csv", WANDB, FINISHED)
    options = {"layout": "wandb", "columns": {"N": "num_params", "loss": "val/los"}}
    with pytest.raises(TableError) as caught:
        read_table(path, **options)
    assert caught.value.fix == (
        'layout="wandb", columns={"N": "num_params", "loss": "val/loss", "D": "COLUMN"}, where COLUMN is one '
        "of Name, State, seq_len, _step, _runtime; if _step is all there is, add a column D = "
        "_step · batch_size · seq_len"
    )


@pytest.mark.parametrize("loss", ["NaN", "9.5"])
def test_crashed_runs_point_to_the_layout_that_knows_them(file, loss):
    path = file("runs.csv", WANDB, FINISHED, CRASHED.replace("NaN", loss))
    columns = {"N": "num_params", "D": "_step", "loss": "val/loss"}
    told = "column 'State' says that 1 of 2 runs did not finish: line 3: crashed"
    with pytest.raises(TableError, match=told) as caught:
        read_table(path, columns=columns)
    assert caught.value.fix.startswith('add layout="wandb", ')
    assert caught.value.fix.endswith('where={"State": "finished"}')
    assert len(read_table(path, columns=columns, where={"State": "finished"})) == 1
    assert [r.status for r in read_table(path, columns=columns, layout="wandb")] == ["completed", "failed"]


def test_steps_in_the_place_of_data_are_an_error_unless_compute_is_given(file):
    path = file("runs.csv", WANDB, FINISHED)
    columns = {"N": "num_params", "D": "_step", "loss": "val/loss"}
    (finding,) = load_table(path, layout="wandb", columns=columns).findings
    assert (finding.code, finding.severity) == ("steps-as-data", "error")
    assert "tokens = _step · batch_size · seq_len" in finding.action
    (finding,) = load_table(path, layout="wandb", columns=columns | {"C": "_runtime"}).findings
    assert finding.severity == "warning"
    assert load_table(file("t.csv", "N,D,loss", "1e6,2e7,3")).findings == ()


def test_an_error_lists_the_columns_of_the_table_and_none_that_the_layout_added(file):
    header = "Name,State,config.n_params,config.tokens,summary.val_loss"
    path = file("runs.csv", header, "a,finished,1e6,2e7,3.5", "b,crashed,1e6,1e7,3.9")
    with pytest.raises(TableError) as caught:
        read_table(path, layout="wandb")
    told = "the table has Name, State, config.n_params, config.tokens, summary.val_loss."
    assert caught.value.problem.endswith(told)
    columns = {"D": "config.tokens", "loss": "summary.val_loss"}
    assert caught.value.fix == f'layout="wandb", columns={json.dumps(columns)}'
    assert [run.status for run in read_table(path, layout="wandb", columns=columns)] == [
        "completed",
        "failed",
    ]


def test_bad_cells_of_finished_runs_are_told_beside_those_that_did_not_finish(file):
    path = file("runs.csv", WANDB, FINISHED.replace("4.51", "oops"), FINISHED, CRASHED.replace("NaN", "9"))
    with pytest.raises(TableError) as caught:
        read_table(path, columns={"N": "num_params", "D": "_step", "loss": "val/loss"})
    assert "line 2: oops" in caught.value.problem
    assert caught.value.fix.endswith("\n       correct those rows, or delete them")


def test_a_finished_run_whose_loss_was_not_logged_is_left_out(file):
    path = file("runs.csv", WANDB, FINISHED, FINISHED.replace("4.51", ""))
    columns = {"N": "num_params", "D": "_step", "loss": "val/loss"}
    runs = read_table(path, layout="wandb", columns=columns)
    assert [run.status for run in runs] == ["completed", "failed"]
