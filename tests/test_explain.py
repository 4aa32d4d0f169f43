"""`flops-fit explain`: the page of a code, from a source tree as from a wheel."""

import re
import subprocess
import sys

import pytest

from flops_fit.cli import main
from flops_fit.errors import FlopsFitError
from flops_fit.explain import explain, list_codes


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/reference/errors.md").read_text()


def test_every_section_of_the_page_is_explained_word_for_word(page):
    codes = re.findall(r"^## ([a-z0-9-]+)$", page, re.MULTILINE)
    assert len(codes) > 200
    for code in codes:
        head, _, text = explain(code).partition("\n\n")
        assert head == code
        assert text
        assert f"## {code}\n\n{text}\n" in page.replace("\\*", "*")  # an escape of Markdown is no text


def test_the_heading_of_the_next_part_is_no_part_of_a_section(page):
    last = re.findall(r"^## ([a-z0-9-]+)$", page.partition("\n# Findings")[0], re.MULTILINE)[-1]
    assert "Findings" not in explain(last)


def test_the_list_names_every_code_in_order(page):
    listed = [line.split()[0] for line in list_codes().splitlines()]
    assert listed == sorted(re.findall(r"^## ([a-z0-9-]+)$", page, re.MULTILINE))
    assert max(map(len, list_codes().splitlines())) <= 130


def test_a_code_that_is_almost_one_gets_the_command_to_type():
    with pytest.raises(FlopsFitError, match="'unknown-opp'") as caught:
        explain("unknown-opp")
    assert (caught.value.code, caught.value.fix) == ("unknown-code", "flops-fit explain unknown-op")


@pytest.mark.parametrize("code", ["zzz", "nosuchcode"])
def test_a_code_like_no_other_gets_the_list(code):
    with pytest.raises(FlopsFitError, match="no error or finding") as caught:
        explain(code)
    assert caught.value.fix.startswith("flops-fit explain (")


def test_an_error_tells_the_command_that_explains_it(capsys):
    assert main(["explain", "zzz"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert main(told.partition("flops-fit ")[2].split()) == 0
    assert capsys.readouterr().out.startswith("unknown-code\n")


def test_the_address_of_a_section_is_as_good_as_its_code():
    assert explain("docs/reference/errors.md#unknown-op") == explain("unknown-op")


@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_who_has_enough_ends_the_list_without_complaint(buffered):
    python = [sys.executable, *([] if buffered else ["-u"])]
    with subprocess.Popen(
        [*python, "-m", "flops_fit", "explain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as listing:
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 141
