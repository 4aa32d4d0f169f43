import pytest

from flops_fit.errors import TableError
from flops_fit.runs import read_table

TABLES = {
    "Weights & Biases": (
        "Name,State,_step,model/n_params,tokens_seen,tokens_per_second,train/loss,eval/loss",
        "N=model/n_params,D=tokens_seen,loss=eval/loss",
    ),
    "the same, flattened": (
        "id,config.n_params,config.train_tokens,summary.val/loss",
        "N=config.n_params,D=config.train_tokens,loss=summary.val/loss",
    ),
    "the Hugging Face trainer": (
        "epoch,eval_loss,num_input_tokens_seen,total_flos,model_params,learning_rate",
        "N=model_params,D=num_input_tokens_seen,loss=eval_loss,C=total_flos",
    ),
    "Epoch": (
        "Model Size,Training Tokens,Training FLOP,loss",
        "'N=Model Size,D=Training Tokens,C=Training FLOP'",
    ),
    "Marin": ("params,tokens,eval/loss,flops", "N=params,D=tokens,loss=eval/loss"),
    "nanochat": (
        "flops_budget,depth,params_wte,params_total,num_iterations,tokens_trained,val_bpb,train_time_sec",
        "N=params_total,D=tokens_trained,loss=val_bpb",
    ),
    "vision": ("arch,num_parameters,images_seen,test_loss", "N=num_parameters,D=images_seen,loss=test_loss"),
    "nobody": ("a,b,c", "N=COLUMN,D=COLUMN,loss=COLUMN,C=c"),
}


@pytest.mark.parametrize(("header", "suggested"), TABLES.values(), ids=TABLES.keys())
def test_a_table_of_a_common_source_gets_a_mapping_to_paste(tmp_path, header, suggested):
    path = tmp_path / "runs.csv"
    path.write_text(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert caught.value.fix == f"--columns {suggested}"
