"""What `flops-fit run` and `demo` tell to type next does work."""

import shlex

import pytest

from flops_fit import fit_runs
from flops_fit.cli import main
from flops_fit.cli.show import _say_where


@pytest.fixture
def kept(tmp_path):
    """A law of a form, kept where a shell needs quotes."""

    def keep(form, sizes, loss):
        out = tmp_path / "my law"
        out.mkdir()
        rows = [f"{n},{d},{loss(n, d)}" for n in sizes for d in (4e8, 6e8, 8e8, 1.6e9, 3.2e9, 6.4e9, 1.3e10)]
        (out / "runs.csv").write_text("\n".join(["N,D,loss", *rows]))
        return fit_runs(out / "runs.csv", form=form, out=out), out

    return keep


@pytest.mark.parametrize(
    ("form", "sizes", "loss", "command"),
    [
        (
            "chinchilla",
            (1e7, 4e7, 1.6e8, 3e8),
            lambda n, d: 1.8 + 480 * n**-0.35 + 2000 * d**-0.37,
            "predict",
        ),
        ("chinchilla", (1e7, 4e7, 1.6e8, 3e8), lambda n, _: 1.8 + 480 * n**-0.35, "explain"),
        ("m1", (1e7,), lambda _, d: 1.8 + 2000 * d**-0.37, "plot"),
    ],
)
def test_the_next_command_works(kept, capsys, form, sizes, loss, command):
    result, out = kept(form, sizes, loss)
    _say_where(result, out)
    told = capsys.readouterr().err
    assert f"open {out / 'report.html'}\n" in told
    typed = shlex.split(told.partition("next: flops-fit ")[2])
    assert typed[0] == command
    assert main(typed) == 0
