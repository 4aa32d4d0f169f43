"""Every code block of the documentation works, in the order in which a reader meets the blocks of a page.

`python` and `bash` blocks are run in one empty directory per page, and `toml`, `yaml` and `json` blocks are
parsed. A block whose first line is a comment with a file name is written to that file instead. `sh` holds
what no test can run (the network, a cluster, this very test suite), and `text` shows output. A page that
reads a table says so: `<!-- needs: FILE as NAME -->`, FILE being one of the public tables of runs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = {"python", "bash", "toml", "yaml", "json"}
SHOWN = {"sh", "text", "math", "csv"}
LONG = {
    "README.md",
    "docs/how-to/choose-budgets.md",
    "docs/how-to/fit-existing-runs.md",
    "docs/how-to/resume.md",
    "docs/how-to/several-gpus.md",
    "docs/tutorials/first-sweep.md",
    "docs/tutorials/own-model.md",
}
"""Pages that train or fit for half a minute or more."""
TABLES = Path(os.environ.get("FLOPS_FIT_REAL_DATA", ROOT.parent / "shared" / "data"))
NEEDS = re.compile(r"^<!-- needs: (\S+) as (\S+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    code: str

    @property
    def file(self):
        """The file that the block is, where its first line says so."""
        first = self.code.partition("\n")[0]
        name = first.removeprefix("# ") if first.startswith("# ") else ""
        return name if PurePosixPath(name).suffix and " " not in name else ""


def blocks_of(page):
    tokens = MarkdownIt().parse(page.read_text())
    fences = [token for token in tokens if token.type == "fence" and not token.info.startswith("{")]
    return [Block(token.map[0] + 1, token.info.strip(), token.content) for token in fences]


def pages_that_run():
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        if any(block.language in RUN for block in blocks_of(page)):
            yield pytest.param(page, id=name, marks=[pytest.mark.nightly] if name in LONG else [])


@pytest.mark.parametrize("page", [*pages_that_run()])
def test_every_block_of_a_page_works(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for table, name in NEEDS.findall(page.read_text()):
        if not (TABLES / table).exists():
            pytest.skip(f"{TABLES / table} is not here")
        shutil.copy(TABLES / table, name)
    names = {"__name__": page.stem}
    for block in blocks_of(page):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
        elif block.language in RUN:
            try:
                carry_out(block, names)
            except Exception as error:
                error.add_note(f"in the block at {page.relative_to(ROOT)}:{block.line}")
                raise


def carry_out(block, names):
    if block.language == "python":
        exec(compile(block.code, f"<block at line {block.line}>", "exec"), names)
    elif block.language == "bash":
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.code],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    else:
        {"toml": tomllib.loads, "yaml": yaml.safe_load, "json": json.loads}[block.language](block.code)


def test_every_block_says_what_it_is():
    unknown = [
        f"{page.relative_to(ROOT)}:{block.line}: {block.language!r}"
        for page in PAGES
        for block in blocks_of(page)
        if block.language not in RUN | SHOWN
    ]
    assert not unknown, "\n".join(unknown)
