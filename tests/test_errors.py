"""Every error says what is wrong, what to do and where to read more, also after a trip between processes."""

import inspect
import pickle

import pytest

from flops_fit import errors
from flops_fit.errors import (
    FlopsFitError,
    PluginError,
    Problem,
    SpecError,
    argument,
    near_file,
    speaking_to_command_line,
    text_argument,
)

TREE = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, FlopsFitError)]
PROBLEMS = [
    Problem(
        where="sweep.yaml:3: model", problem="no model is called 'x'", fix="use 'y'", code="unknown-component"
    ),
    Problem(where="sweep.yaml:9: seeds", problem="[] is empty", fix="write `seeds: [0]`", code="bad-seeds"),
]


@pytest.mark.parametrize("cls", TREE)
def test_an_error_shows_problem_fix_and_code_and_survives_pickling(cls):
    error = cls("nothing works", fix="try again", code="some-code")
    assert str(error) == "nothing works\n  fix: try again\n  see: flops-fit explain some-code"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code) == (cls, str(error), "some-code")


@pytest.mark.parametrize(
    ("asked", "there", "meant"),
    [
        ("runs.csv", "run.csv", "run.csv"),
        ("runs.cvs", "runs.csv", "runs.csv"),
        ("sweep.yml", "sweep.yaml", "sweep.yaml"),
        ("nofile.csv", "profile.csv", None),
        ("a.csv", "b.csv", None),
        ("runs.csv", "runs.png", None),
        ("runs.csv", "runs.csv", None),
    ],
)
def test_the_file_that_was_meant_is_spelt_like_it_whatever_its_suffix(tmp_path, asked, there, meant):
    (tmp_path / there).touch()
    assert near_file(tmp_path / asked) == (meant and tmp_path / meant)


def test_leaf_errors_are_also_the_builtin_that_python_users_expect():
    bases = {cls.__name__: cls.__bases__[1].__name__ for cls in TREE if cls is not FlopsFitError}
    assert bases == {
        "SpecError": "ValueError",
        "PluginError": "LookupError",
        "TableError": "ValueError",
        "DataError": "RuntimeError",
        "StoreError": "RuntimeError",
        "TrainingError": "RuntimeError",
        "FitError": "ValueError",
        "UsageError": "ValueError",
    }


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {line.split()[1] for line in errors.__doc__.splitlines() if "──" in line}
    assert drawn == {cls.__name__ for cls in TREE} - {"FlopsFitError"}


def test_a_spec_error_numbers_its_problems():
    error = SpecError.of(PROBLEMS, source="sweep.yaml")
    assert str(error).splitlines() == [
        "2 problems in sweep.yaml:",
        "  1. sweep.yaml:3: model: no model is called 'x'",
        "    fix: use 'y'",
        "    see: flops-fit explain unknown-component",
        "  2. sweep.yaml:9: seeds: [] is empty",
        "    fix: write `seeds: [0]`",
        "    see: flops-fit explain bad-seeds",
    ]
    assert (error.code, error.fix) == ("unknown-component", "use 'y'")


def test_the_problems_of_a_spec_error_survive_pickling():
    error = SpecError.of(PROBLEMS, source="sweep.yaml")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.problems, str(copy)) == (error.problems, str(error))


def test_an_error_is_caught_as_its_builtin():
    with pytest.raises(LookupError, match="no model"):
        raise PluginError("no model", fix="install one", code="unknown-component")


def test_an_argument_is_spelt_as_whoever_asks_would():
    with speaking_to_command_line():
        typed = [argument("n_params"), argument("n_params", "1e8"), argument("accept_unreliable", "True")]
    assert typed == ["--n-params", "--n-params 1e8", "--accept-unreliable"]
    assert [argument("n_params"), argument("n_params", "1e8")] == ["n_params", "n_params=1e8"]


@pytest.mark.parametrize(
    ("name", "value", "command", "python"),
    [
        ("form", "m2", "--form m2", 'form="m2"'),
        ("loss_unit", "top-1 error", "--loss-unit 'top-1 error'", 'loss_unit="top-1 error"'),
        ("where", {"data": "it's µ"}, """--where 'data=it'"'"'s µ'""", """where={"data": "it's µ"}"""),
        ("columns", {"N": "n", "D": "d"}, "--columns N=n,D=d", 'columns={"N": "n", "D": "d"}'),
    ],
)
def test_an_argument_of_text_is_quoted_as_its_reader_quotes(name, value, command, python):
    assert text_argument(name, value) == python
    assert eval(f"dict({python})") == {name: value}
    with speaking_to_command_line():
        assert text_argument(name, value) == command
