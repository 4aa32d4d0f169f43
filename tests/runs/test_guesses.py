import pytest

from flops_fit.errors import TableError, speaking_to_command_line
from flops_fit.runs import read_table
from flops_fit.runs.guesses import layout_of, step_counter, units_of_steps

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
        "--columns N=params_total,D=tokens_trained,loss=val_bpb",
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


def test_other_states_are_nobodys_layout():
    assert layout_of(["State", "N"], [["Bavaria", "1"]]) is None
    assert layout_of(["State", "N"], [["", "1"]]) is None
    assert layout_of(["config.n", "N"]) is None
