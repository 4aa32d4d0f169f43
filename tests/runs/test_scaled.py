import pytest

from flops_fit.errors import TableError
from flops_fit.runs import load_table, read_table


@pytest.fixture
def table(tmp_path):
    def write(*lines):
        (tmp_path / "runs.csv").write_text("\n".join(lines) + "\n")
        return tmp_path / "runs.csv"

    return write


@pytest.mark.parametrize("name", ["params*1e6", "params * 1000000", "params*1.0E+6"])
def test_a_column_is_multiplied_by_the_factor_behind_its_name(table, name):
    (run,) = read_table(table("params,D,loss", "3.5,2e7,3.1"), columns={"N": name})
    assert (run.n_params, run.flops) == (3.5e6, 6 * 3.5e6 * 2e7)


def test_a_column_behind_a_prefix_is_multiplied_too(table):
    path = table("config.params,D,loss,State", "3.5,2e7,3.1,finished")
    (run,) = read_table(path, layout="wandb", columns={"N": "params*1e6"})
    assert run.n_params == 3.5e6


def test_what_is_no_plain_number_stays_as_it_is(table):
    runs = read_table(table("params,D,loss", "7M,2e7,3.1", ",2e7,"), columns={"N": "params*1e6"})
    assert [run.n_params for run in runs] == [7e6, 0.0]


def test_a_column_that_is_called_like_a_product_is_taken_as_it_is(table):
    (run,) = read_table(table("N*2,D,loss", "3e6,2e7,3.1"), columns={"N": "N*2"})
    assert run.n_params == 3e6


@pytest.mark.parametrize("name", ["size*1e6", "params*", "params*k", "params*-1"])
def test_a_product_of_something_else_is_an_unknown_column(table, name):
    with pytest.raises(TableError, match="N is said to be") as caught:
        read_table(table("params,D,loss", "3.5,2e7,3.1"), columns={"N": name})
    assert caught.value.code == "missing-column"


def test_the_column_counts_as_used(table):
    path = table("params,D,loss", "3.5,2e7,3.1", "7,2e7,3.0")
    codes = {finding.code for finding in load_table(path, columns={"N": "params*1e6"}).findings}
    assert not codes & {"unused-columns", "odd-sizes"}
