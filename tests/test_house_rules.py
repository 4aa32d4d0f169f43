"""Rules that a reviewer would otherwise repeat: style, types, layers, docs that name every hook and code."""

import ast
import inspect
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from flops_fit import hookspecs

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "conformance").rglob("*.py")])
CORE_MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src" / "flops_fit").rglob("*.py")
    if path.name != "__main__.py"
)
NEEDS_TORCH = {
    "flops_fit.builtin.free_ops",
    "flops_fit.builtin.tracing",
    "flops_fit.engine.batches",
    "flops_fit.engine.checkpoint",
    "flops_fit.engine.keeper",
    "flops_fit.engine.loop",
    "flops_fit.engine.parallel",
    "flops_fit.engine.preloaded",
    "flops_fit.engine.reproducible",
    "flops_fit.engine.selftest",
    "flops_fit.engine.state",
    "flops_fit.engine.step",
    "flops_fit.engine.stopwatch",
    "flops_fit.engine.trunk",
    "flops_fit.engine.witness",
}
"""Imported when the first model is traced or the first run starts."""


def run_tool(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )


def test_ruff_finds_nothing():
    run_tool("ruff", "check", "src", "conformance", "tests", "docs")


def test_the_code_is_formatted():
    run_tool("ruff", "format", "--check", "src", "conformance", "tests")


@pytest.mark.nightly  # a minute without its cache; `.ci/run` runs it by itself
def test_mypy_strict_finds_nothing():
    run_tool("mypy")


def test_imports_follow_the_layers():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as m; m()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_core_module_imports_without_torch_or_warnings():
    """One process for all: `import flops_fit.x` must not be what pulls torch in."""
    imports = "".join(f"import {module}\n" for module in CORE_MODULES if module not in NEEDS_TORCH)
    done = run_python(f"import sys\n{imports}sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr or "some module imports torch at import time"


def test_importing_the_package_costs_no_third_party_import():
    heavy = {"torch", "numpy", "pydantic", "pluggy"}
    assert run_python(f"import sys, flops_fit; sys.exit(bool({heavy} & set(sys.modules)))").returncode == 0


@pytest.mark.parametrize("hook", sorted(hookspecs.HOOKS.values()))
def test_every_hook_has_a_heading_with_its_signature(hook):
    names = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"## {hook}({names})" in (ROOT / "docs/reference/hooks.md").read_text()


def error_codes() -> set[str]:
    """Every code in the sources: each argument that any call passes for a parameter or field named `code`."""
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    positions = {"PydanticCustomError": 0}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and "code" in (names := parameters_of(node)):
            positions[node.name] = names.index("code")
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return set().union(*(codes_in(value) for call in calls for value in passed_as_code(call, positions)))


def parameters_of(node):
    """Positional parameters of a function, or fields of a NamedTuple or dataclass, in their order."""
    if isinstance(node, ast.ClassDef):
        return [field.target.id for field in node.body if isinstance(field, ast.AnnAssign)]
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]


def passed_as_code(call, positions):
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "code")
    position = positions.get(getattr(call.func, "id", None))
    if position is not None:
        yield from call.args[position : position + 1]


def codes_in(value):
    """Return the literal codes of an argument; none where it passes on the code of another error."""
    if isinstance(value, ast.IfExp):
        return codes_in(value.body) | codes_in(value.orelse)
    if isinstance(value, ast.Constant):
        return {value.value}
    passed_on = ast.unparse(value)
    assert passed_on.split(".")[-1] == "code" or passed_on == "detail['type']", f"unreadable: {passed_on}"
    return set()


def test_every_error_code_is_explained_and_nothing_else_is():
    explained = set(
        re.findall(r"^## ([a-z0-9-]+)$", (ROOT / "docs/reference/errors.md").read_text(), re.MULTILINE)
    )
    assert error_codes() == explained


def test_functions_stay_short():
    lengths = [
        node.end_lineno - node.lineno + 1 - docstring_lines(node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 30
    assert max(lengths) <= 60


def docstring_lines(node):
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant):
        return first.end_lineno - first.lineno + 1
    return 0


def test_files_stay_short():
    assert [f"{path.name}: {n}" for path in SOURCES if (n := path.read_text().count("\n")) > 300] == []


def test_no_tracked_file_names_a_registry_host_or_a_machine_path():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    bad = re.compile(r"https?://[^ \"]*/simple|files\.pythonhosted|(^|[\s\"'=(])/(work|opt|root)/[a-z.]")
    offenders = [
        name
        for name in tracked.stdout.split()
        if (ROOT / name).suffix in {".py", ".md", ".toml", ".txt", ".yaml", ""}
        and any(bad.search(line) for line in (ROOT / name).read_text(errors="ignore").splitlines())
        and name != "tests/test_house_rules.py"
    ]
    assert offenders == []
