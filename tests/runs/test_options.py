import numpy as np
import pandas as pd
import pytest

from flops_fit.errors import TableError
from flops_fit.runs import read_table
from flops_fit.runs.options import pairs_of


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("N=params,D=tok", {"N": "params", "D": "tok"}),
        ("N=n, all,loss=loss", {"N": "n, all", "loss": "loss"}),
        ("params=N,eval/loss=loss", {"params": "N", "eval/loss": "loss"}),
        ("N=a=b,", {"N": "a=b"}),
        ("", {}),
    ],
)
def test_a_comma_ends_a_pair_if_another_begins_behind_it(text, pairs):
    assert {name: found for name, _, found in pairs_of(text)} == pairs


EXAMPLE = 'columns={"N": "params", "D": "tokens", "loss": "val_loss"}'


@pytest.mark.parametrize(
    ("option", "fix"),
    [
        ({"columns": "N=params, D=tok"}, 'columns={"N": "params", "D": "tok"}'),
        ({"columns": ["N=params", "D=tok"]}, 'columns={"N": "params", "D": "tok"}'),
        ({"columns": {"N": 3}}, 'columns={"N": "3"}'),
        ({"columns": "params"}, EXAMPLE),
        ({"columns": 3}, EXAMPLE),
        ({"where": "a=b"}, 'where={"a": "b"}'),
        ({"where": {3: "b"}}, 'where={"3": "b"}'),
        ({"where": {"data": ["c4", "wiki"]}}, 'where={"data": "c4"}'),
        ({"where": {"data": np.array(["c4", "wiki"])}}, 'where={"data": "c4"}'),
        ({"where": [("data", "c4")]}, 'where={"data": "c4"}'),
    ],
)
def test_what_is_no_dict_is_refused_with_the_dict_that_was_meant(option, fix):
    ((name, _),) = option.items()
    with pytest.raises(TableError, match=f"{name} must be a dict") as caught:
        read_table(pd.DataFrame({"N": [1e6], "D": [2e7], "loss": [3.5]}), **option)
    assert (caught.value.fix, caught.value.code) == (fix, f"bad-{name}")


def test_a_layout_that_is_no_text_is_unknown():
    with pytest.raises(TableError, match="No layout is called '3'"):
        read_table(pd.DataFrame({"N": [1e6], "D": [2e7], "loss": [3.5]}), layout=3)
