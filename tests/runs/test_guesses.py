import pytest

from flops_fit.errors import TableError, speaking_to_command_line
from flops_fit.runs import read_table
from flops_fit.runs.guesses import likely, part_of_model, step_counter, units_of_steps
from flops_fit.runs.layouts import layout_of

TABLES = {
    "Weights & Biases": (
        "Name,State,_step,model/n_params,tokens_seen,tokens_per_second,train/loss,eval/loss",
        "--layout wandb --columns N=model/n_params,D=tokens_seen,loss=eval/loss",
    ),
    "the same, flattened": (
        "id,config.n_params,config.train_tokens,summary.val/loss",
        "--columns N=config.n_params,D=config.train_tokens,loss=summary.val/loss",
    ),
    "the Hugging Face trainer": (
        "epoch,eval_loss,num_input_tokens_seen,total_flos,model_params,learning_rate",
        "--columns N=model_params,D=num_input_tokens_seen,loss=eval_loss,C=total_flos",
    ),
    "Epoch": (
        "Model Size,Training Tokens,Training FLOP,loss",
        "--columns 'N=Model Size,D=Training Tokens,C=Training FLOP'",
    ),
    "Marin": ("params,tokens,eval/loss,flops", "--columns N=params,D=tokens,loss=eval/loss"),
    "nanochat": (
        "flops_budget,depth,params_wte,params_total,num_iterations,tokens_trained,val_bpb,train_time_sec",
        "--layout nanochat",
    ),
    "nanochat, with every part of its models": (
        "flops_budget,depth,params_wte,params_lm_head,params_transformer,params_total,tokens_trained,val_bpb",
        "--layout nanochat",
    ),
    "Marin, by its tracker": (
        "run_path,parameter_count,throughput/total_tokens,throughput/total_gflops,eval/loss",
        "--layout marin",
    ),
    "somebody who counts parts of models": (
        "params_lm_head,params_transformer,params_total,tokens,val_loss",
        "--columns N=params_total,D=tokens,loss=val_loss",
    ),
    "somebody who counts parts only": (
        "params_lm_head,params_transformer,tokens,val_loss",
        (
            "--columns N=COLUMN,D=tokens,loss=val_loss, "
            "where COLUMN is one of params_lm_head, params_transformer"
        ),
    ),
    "vision": (
        "arch,num_parameters,images_seen,test_loss",
        "--columns N=num_parameters,D=images_seen,loss=test_loss",
    ),
    "nobody": (
        "a,b,c",
        (
            "--columns N=COLUMN,D=COLUMN,loss=COLUMN,C=c, where COLUMN is one of a, b; "
            "add a column for what none of them is"
        ),
    ),
    "somebody with one name of their own": ("params,tok,val_loss", "--columns N=params,D=tok,loss=val_loss"),
    "nobody who counted data": (
        "params,val_loss",
        (
            "add to the table a column D, the tokens or samples that each run saw; "
            "then say --columns N=params,loss=val_loss"
        ),
    ),
    "somebody who knows compute": (
        "N,C,loss",
        (
            "add to the table a column D, the tokens or samples that each run saw: "
            "C / (6 · N) where compute is 6·N·D"
        ),
    ),
    "somebody who logged steps": (
        "N,_step,loss",
        (
            "add to the table a column D, the tokens or samples that each run saw: "
            "_step · batch size · sequence length"
        ),
    ),
    "somebody who left two out": (
        "params,lr",
        (
            "add to the table a column D, the tokens or samples that each run saw, and a column loss, "
            "the final held-out loss of each run; then say --columns N=params"
        ),
    ),
    "somebody who logged perplexities": (
        "N,D,train/ppl,eval/ppl",
        (
            "--columns loss=COLUMN, where COLUMN is one of train/ppl, eval/ppl; "
            "if eval/ppl is all there is, add a column loss = ln(eval/ppl)"
        ),
    ),
    "somebody who logged one perplexity": (
        "N,D,ppl",
        "add to the table a column loss, the final held-out loss of each run: ln(ppl)",
    ),
    "somebody who logged its logarithm": ("N,D,log_ppl", "--columns loss=log_ppl"),
}


@pytest.mark.parametrize(("header", "suggested"), TABLES.values(), ids=TABLES.keys())
def test_a_table_of_a_common_source_gets_a_mapping_to_paste(tmp_path, header, suggested):
    path = tmp_path / "runs.csv"
    path.write_text(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with speaking_to_command_line(), pytest.raises(TableError) as caught:
        read_table(path)
    assert caught.value.fix == suggested


@pytest.mark.parametrize("name", ["_step", "step", "train/global_step", "num_iterations", "config.max_steps"])
def test_counters_of_steps_are_known_by_their_names(name):
    assert step_counter(["tokens", name]) == name


@pytest.mark.parametrize("name", ["tokens_per_step", "D", "samples", "step_time", "n_units"])
def test_other_columns_are_no_counters_of_steps(name):
    assert step_counter([name]) is None


def test_units_are_made_of_the_columns_that_there_are():
    assert units_of_steps("_step", ["lr", "config.batch_size", "seq_len"]) == (
        "_step · config.batch_size · seq_len"
    )
    assert units_of_steps("_step", ["lr"]) == "_step · batch size · sequence length"


@pytest.mark.parametrize(
    ("header", "state"),
    [
        ("Name,State,config.n_params,config.tokens,summary.val_loss", "done"),
        ("Name,state,n_params_total,tokens,val_loss", "crashed"),
        ("Name,state,n_params_total,tokens,val_loss", "Finished"),
    ],
)
def test_an_export_of_weights_and_biases_gives_itself_away(tmp_path, header, state):
    path = tmp_path / "runs.csv"
    path.write_text(f"{header}\na,{state},1e6,2e7,3.5\n")
    with speaking_to_command_line(), pytest.raises(TableError) as caught:
        read_table(path)
    assert caught.value.fix.startswith("--layout wandb --columns N=")


@pytest.mark.parametrize(
    ("name", "is_part"),
    [
        ("params_lm_head", True),
        ("params.wte", True),
        ("transformer_params", True),
        ("params_total", False),
        ("params_non_embedding", False),
        ("params_with_embedding", False),
        ("head_dim", False),
    ],
)
def test_parts_of_models_are_known_by_their_names(name, is_part):
    assert part_of_model(name) is is_part


def test_a_misspelt_column_of_sizes_is_never_mended_to_a_part(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("params_wte,params_total,D,loss\n1,1,1,1\n")
    with speaking_to_command_line(), pytest.raises(TableError) as caught:
        read_table(path, columns={"N": "params"})
    assert caught.value.fix == "--columns N=params_total"


def test_data_trained_on_are_preferred_to_data_of_an_evaluation():
    assert likely("n_units", ["tokens_eval", "tokens_trained"]) == "tokens_trained"


def test_a_layout_that_gives_itself_away_may_be_read_by_its_columns(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("params_total,tokens_trained,val_bpb\n1e6,2e7,1.5\n")
    columns = {"N": "params_total", "D": "tokens_trained", "loss": "val_bpb"}
    assert read_table(path, columns=columns)[0].loss == 1.5


@pytest.mark.parametrize(
    "names",
    [
        ["num_params", "tokens_trained", "val_loss"],
        ["params", "tokens", "val_bpb"],
        ["tokens_trained", "val_bpb"],
    ],
)
def test_names_that_anybody_may_choose_are_no_layout(names):
    assert layout_of(names) is None


def test_other_states_are_nobodys_layout():
    assert layout_of(["State", "N"], [["Bavaria", "1"]]) is None
    assert layout_of(["State", "N"], [["", "1"]]) is None
    assert layout_of(["config.n", "N"]) is None
