import pytest

from flops_fit.runs import load_table


@pytest.fixture
def found(tmp_path):
    """The findings of a table of one run with one further column, besides the columns that are said."""

    def read(header: str, cell: str, **columns: str):
        path = tmp_path / "runs.csv"
        path.write_text(f"Model Size (#),D,loss,{header}\n1e6,2e7,3.5,{cell}\n")
        return load_table(path, columns={"N": "Model Size (#)", **columns}).findings

    return read


@pytest.mark.parametrize("header", ["petaflop budget", "Compute", "Training FLOP", "PF-days", "total_flos"])
def test_a_column_that_sounds_like_compute_is_named_with_all_that_was_said(found, header):
    (finding,) = found(header, "0.12")
    assert (finding.code, finding.severity) == ("unused-compute", "info")
    assert finding.message == f"Column {header!r} sounds like compute but was not used: C is 6·N·D."
    assert f'columns={{"N": "Model Size (#)", "C": "{header}"}}' in finding.action


def test_compute_that_is_used_is_not_named(found):
    assert found("petaflop budget", "1.2e14", C="petaflop budget") == ()


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("flops_per_token", "6e6"),
        ("TFLOPs/s", "312"),
        ("tflops", "312"),
        ("compute hours", "7"),
        ("compute", "H100"),
        ("compute", "nan"),
        ("lr", "3e-4"),
    ],
)
def test_rates_text_and_other_things_are_no_compute(found, header, cell):
    assert found(header, cell) == ()
