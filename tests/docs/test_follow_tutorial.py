"""What follows the tutorials in CI lets numbers differ, and nothing else."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "follow_tutorial.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("follow_tutorial", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("2 passed in 6.80s", "2 passed in 169.68s (0:02:49)"),
        ("| N     | 12.2K |\n|-------|-------|", "| N   | 1.05M |\n|-----|-------|"),
        ("first\n...\nlast 8.00e+09", "first\nmany\nlines\nlast 1e10"),
        ("...\n43 passed", "........................ [ 97%]\n43 passed"),
    ],
)
def test_numbers_rules_and_times_may_differ(script, shown, printed):
    script.compare(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("2 passed in 6.80s", "1 failed, 1 passed in 6.80s"),
        ("first\n...\nlast", "first\nmany"),
        ("wrote a:\n  b", "wrote a:\n  c"),
        ("something", ""),
    ],
)
def test_words_may_not(script, shown, printed):
    with pytest.raises(SystemExit, match="shows something else"):
        script.compare(shown, printed)


def test_it_writes_files_types_commands_and_stops_at_the_first_that_fails(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```python\n# a/b.py\nx = 1\n```\n\n```sh\ncat a/b.py\n```\n\n```text\nx = 2\n```\n")
    script.main(page)
    assert (tmp_path / "a" / "b.py").read_text() == "x = 1\n"
    page.write_text("```sh\nfalse\n```\n\n```sh\ntouch reached\n```\n")
    with pytest.raises(SystemExit, match="exit status 1"):
        script.main(page)
    assert not (tmp_path / "reached").exists()
