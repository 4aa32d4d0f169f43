"""One table in every format: the same numbers, nothing that a user named taken for markup."""

import csv
import html.parser
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from flops_fit.cli import main
from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.conventions import Conventions
from flops_fit.result import ScalingResult
from flops_fit.result.tables import FORMATS
from flops_fit.result.tables.latex import escaped

# ruff: noqa: E501

HOSTILE = "</td><script>alert(1)</script> | & % $x_{1}^2$ # ~ \\evil \n [x](y)"


@pytest.fixture(scope="module")
def hostile(bad_law):
    """A law in which everything that a user can name is out to harm."""
    finding = Finding(code="x", severity="error", message=f"Run {HOSTILE} is odd.", action=HOSTILE)
    return ScalingResult(
        replace(
            bad_law,
            unit=HOSTILE,
            findings=(finding,),
            conventions=Conventions(loss_unit=HOSTILE),
        )
    )


class Tags(html.parser.HTMLParser):
    """Collects tags and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_csv_and_json_hold_the_numbers_of_predict_in_full(fitted):
    result = ScalingResult(fitted)
    budgets = [1e16, 1e18]
    rows = list(csv.DictReader(io.StringIO(result.chinchilla_table(budgets, "csv"))))
    objects = json.loads(result.chinchilla_table(budgets, "json"))["rows"]
    for flops, row, found in zip(budgets, rows, objects, strict=True):
        p = result.predict(flops)
        for name in ("flops", "n_params", "n_units", "loss"):
            assert float(row[name]) == found[name] == getattr(p, name)
        for name in ("n_params", "n_units", "loss"):
            interval = getattr(p, f"{name}_interval")
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == (interval.low, interval.high)
        assert float(row["near_optimal_n_low"]) == found["near_optimal_n"]["low"] == p.near_optimal_n.low
        assert float(row["units_per_param"]) == p.n_units / p.n_params
    assert rows[0]["notes"] == ""
    assert rows[1]["notes"].startswith("Extrapolated: 10 times")


def test_a_row_of_csv_carries_what_is_doubtful_about_it(bad_law):
    rows = list(csv.DictReader(io.StringIO(ScalingResult(bad_law).chinchilla_table([1e16, 1e21], "csv"))))
    assert rows[0]["notes"].startswith("SIMULATED losses: nothing here was trained. UNRELIABLE: ")
    assert "NOT SUPPORTED" not in rows[0]["notes"]
    assert "NOT SUPPORTED: 10,000 times" in rows[1]["notes"]
    assert rows[0]["notes"].endswith(" All rows: 4 budgets are few.")
    assert "All rows" not in rows[1]["notes"]


@pytest.mark.parametrize("layout", FORMATS)
def test_every_format_says_once_what_is_doubtful_about_all_rows(bad_law, layout):
    text = ScalingResult(bad_law).chinchilla_table([1e16, 1e21], layout)
    assert text.count("4 budgets are few.") == 1
    assert text.count("The best size lies beyond the sizes trained.") == (2 if layout == "csv" else 1)


@pytest.mark.parametrize("layout", ["markdown", "text", "latex"])
def test_every_number_of_a_note_is_one_that_a_row_refers_to(bad_law, layout):
    text = ScalingResult(bad_law).chinchilla_table([1e16, 1e21], layout)
    assert [text.count(f"[{i}]") for i in (1, 2, 3, 4, 5)] == [2, 2, 2, 2, 0]


def test_a_list_in_html_holds_the_notes_that_rows_refer_to(bad_law):
    assert ScalingResult(bad_law).chinchilla_table([1e16, 1e21], "html").count("<li>") == 4


TEXT = """\
C (FLOPs)  N      N, 95%          N as good       D (tokens)  D, 95%          D/N  L      L, 95%          notes
---------------------------------------------------------------------------------------------------------------
1.00e+18   31.6M  22.0M to 45.5M  17.8M to 56.2M  5.27B       3.66B to 7.59B  167  2.752  2.725 to 2.779  [1]

L in nats per token. 95%: intervals. N as good: sizes whose loss is within 1.00% of the least, by which single runs scatter.
[1] Extrapolated: 10 times the largest budget trained."""

LATEX = r"""% needs \usepackage{booktabs}; fits a page of article in one column, or table* in two
\begin{table}
  \centering\footnotesize\setlength{\tabcolsep}{3pt}
  \caption{Compute-optimal training. L in nats per token. 95\%: intervals. N as good: sizes whose loss is within 1.00\% of the least, by which single runs scatter.}\par\smallskip
  \begin{tabular}{rrrrrrl}
    \toprule
    C (FLOPs) & N & N as good & D (tokens) & D/N & L & notes \\
     & \scriptsize 95\% &  & \scriptsize 95\% &  & \scriptsize 95\% &  \\
    \midrule
    $1.00 \times 10^{18}$ & 31.6M & 17.8M--56.2M & 5.27B & 167 & 2.752 & [1] \\
     & \scriptsize 22.0M--45.5M &  & \scriptsize 3.66B--7.59B &  & \scriptsize 2.725--2.779 &  \\
    \bottomrule
  \end{tabular}
  \par\smallskip\raggedright
  [1] Extrapolated: 10 times the largest budget trained.\par
\end{table}"""


def test_text_reads_like_this(known_law):
    assert ScalingResult(known_law).chinchilla_table([1e18], "text") == TEXT


def test_latex_reads_like_this(known_law):
    assert ScalingResult(known_law).chinchilla_table([1e18], "latex") == LATEX


def test_no_number_in_latex_is_followed_by_a_raised_mark(bad_law):
    text = ScalingResult(bad_law).chinchilla_table([1e16, 1e21], "latex")
    assert "textsuperscript" not in text
    assert r"[1] [2] [3] [4] \\" in text
    assert "[2] $N^*$ is 9.68 times the largest model trained (103M)" in text


def test_signs_of_numbers_in_latex_are_minus_signs_and_hyphens_of_names_are_not(known_law):
    finding = Finding(
        code="x",
        severity="warning",
        message="By -0.005, N* by -4.9%; run-3 to 3-5, 6·N; -3e-05|run-3e-05.",
        action="",
    )
    text = ScalingResult(replace(known_law, findings=(finding,))).chinchilla_table([1e16], "latex")
    assert r"By $-0.005$, $N^*$ by $-4.9$\%; run-3 to 3-5, 6$\cdot$N; " in text
    assert r"$-3 \times 10^{-5}$\textbar{}run-3e-05." in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex in PATH")
def test_latex_fits_the_page_of_an_article(bad_law, tmp_path):
    rows = ScalingResult(bad_law).chinchilla_table([1e16, 1e21], "latex")
    lines = (r"\documentclass{article}\usepackage{booktabs}\begin{document}", rows, r"\end{document}")
    (tmp_path / "page.tex").write_text("\n".join(lines))
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "page.tex"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "Overfull" not in done.stdout


def test_html_is_a_table_with_headers_for_rows_and_columns(known_law):
    found = Tags(ScalingResult(known_law).chinchilla_table([1e16, 1e18], "html"))
    assert found.tags.count("tr") == 3
    assert found.tags.count("th") == 9 + 1 + 2
    assert found.tags.count("td") == 2 * 9
    assert "sup" not in found.tags  # behind 1.00e+18 it would read as part of the number
    assert "[1]" in found.text
    assert "22.0M to 45.5M" in found.text
    assert "Extrapolated: 10 times the largest budget trained." in found.text


def test_hostile_names_stay_text_in_html(hostile):
    found = Tags(hostile.chinchilla_table([1e16], "html"))
    assert "script" not in found.tags
    assert "<script>alert(1)</script>" in found.text


def test_hostile_names_stay_text_in_latex(hostile):
    text = hostile.chinchilla_table([1e16], "latex")
    body = text.split("\n", 1)[1]
    commands = set(re.findall(r"\\([a-z]+)", body))
    ours = "begin end centering small setlength tabcolsep caption textbf par toprule midrule bottomrule times"
    ours += " smallskip footnotesize scriptsize raggedright addlinespace textbackslash textless textgreater"
    ours += " textbar"
    assert commands <= {*ours.split(), "textasciicircum", "textasciitilde"}
    assert not re.search(r"(?<!\\)[#~_]", body)
    assert all(line.count("&") - line.count("\\&") in {0, 6} for line in body.splitlines())


def test_every_special_sign_of_latex_is_escaped():
    assert escaped("50%_a & $b$ #1 {c} ~d ^e \\f <g>") == (
        r"50\%\_a \& \$b\$ \#1 \{c\} \textasciitilde{}d \textasciicircum{}e \textbackslash{}f "
        r"\textless{}g\textgreater{}"
    )


def test_hostile_names_break_no_row_of_markdown(hostile):
    lines = hostile.chinchilla_table([1e16, 1e17], "markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 4
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert not any("<script" in line for line in lines)


@pytest.mark.parametrize("layout", FORMATS)
def test_every_format_says_that_a_law_is_simulated_and_unreliable(bad_law, layout):
    text = ScalingResult(bad_law).chinchilla_table([1e16], layout)
    assert "SIMULATED losses: nothing here was trained." in text
    assert "UNRELIABLE: The best size lies beyond the sizes trained." in text


def test_another_format_is_refused_with_those_there_are(known_law):
    with pytest.raises(
        FitError, match="'xlsx' is no format of a table; formats: markdown, text, latex"
    ) as caught:
        ScalingResult(known_law).chinchilla_table([1e16], "xlsx")
    assert caught.value.code == "unknown-format"


def test_the_command_writes_every_format(fitted, tmp_path, capsys):
    ScalingResult(fitted).save(tmp_path)
    for layout in FORMATS:
        assert main(["table", str(tmp_path), "--flops", "1e18", "--format", layout]) == 0
        assert capsys.readouterr().out == ScalingResult(fitted).chinchilla_table([1e18], layout) + "\n"
