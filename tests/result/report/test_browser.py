"""The report in a real browser: a silent console, nothing wider than the page, no label cut off, a PDF."""

import re
import shutil
import subprocess

import pytest

from flops_fit.result import ScalingResult

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not BROWSER, reason="no chromium or chrome in PATH"),
]

WIDTH = """<html><body style="margin:0">
<iframe id="f" src="report.html" width="{width}" height="900" style="border:0"></iframe>
<script>f.onload = () => {{
  const page = f.contentDocument.documentElement;
  const wide = [...page.querySelectorAll("header *, main *")].filter(
    e => !e.closest("svg") && !e.closest(".scroll") && e.getBoundingClientRect().right > {width} + 1);
  const names = wide.map(e => e.tagName).join();
  document.body.textContent = "scrolls to " + page.scrollWidth + ", too wide: " + names;
}}</script></body></html>"""


def browse(folder, *options):
    done = subprocess.run(
        [
            BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--hide-scrollbars", "--allow-file-access-from-files",
            f"--user-data-dir={folder / 'profile'}", *options,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["good", "hostile"])
def folder(request, fitted, hostile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    law = {"good": fitted, "hostile": hostile}[request.param]
    ScalingResult(law).report(folder / "report.html")
    return folder


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_page(folder, width):
    (folder / "frame.html").write_text(WIDTH.format(width=width))
    seen = browse(folder, "--window-size=1400,1000", "--dump-dom", f"file://{folder / 'frame.html'}")
    assert re.search(rf"scrolls to {width}, too wide: <", seen), seen[-300:]


def test_it_prints(folder):
    browse(folder, f"--print-to-pdf={folder / 'r.pdf'}", f"file://{folder / 'report.html'}")
    assert (folder / "r.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "r.pdf").stat().st_size > 50_000


def test_no_label_of_a_picture_is_cut_off(folder):
    (folder / "frame.html").write_text(
        """<html><body><iframe id="f" src="report.html" width="1280" height="900"></iframe>
<script>f.onload = () => {
  const cut = [...f.contentDocument.querySelectorAll("svg text")].filter(t => {
    const a = t.getBoundingClientRect(), b = t.closest("svg").getBoundingClientRect();
    return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1; });
  document.body.textContent = "cut: [" + cut.map(t => t.textContent).join("; ") + "]";
}</script></body></html>"""
    )
    seen = browse(folder, "--window-size=1400,1000", "--dump-dom", f"file://{folder / 'frame.html'}")
    cut = re.search(r"cut: \[(.*?)\]", seen, re.DOTALL)
    assert cut, seen[-300:]
    assert "alert" in cut[1] or cut[1] == ""  # a unit of a hundred letters may be cut, nothing else
