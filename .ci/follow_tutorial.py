"""Does what a tutorial says, in the current directory: writes its files, types its commands, compares the output.

A block whose first line is a comment with a path is a file; `sh` is typed; the `text` after it is what it prints,
where every number stands for any number and `...` for anything. Usage: python follow_tutorial.py PAGE
"""

import doctest
import re
import subprocess
import sys
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.\w+)\n")
NUMBER = re.compile(r"\d[\d,]*(\.\d+)?(e[+-]?\d+)?[KMGT]?")


def main(page: Path) -> None:
    printed = ""
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if named := FILE.match(block):
            write(Path(named[1]), block[named.end() :])
        elif language == "sh":
            printed = typed(block)
        elif language == "text":
            compare(block, printed)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def typed(commands: str) -> str:
    print(commands, end="", flush=True)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    if done.returncode not in {0, 3}:  # 3: figures are shown but marked unreliable
        sys.exit(f"exit status {done.returncode}")
    return done.stdout


def compare(shown: str, printed: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if not doctest.OutputChecker().check_output(plain(shown), plain(printed), flags):
        sys.exit(f"the tutorial shows something else:\n{shown}")


def plain(text: str) -> str:
    """Make numbers, rules, bars of progress and padding alike."""
    text = re.sub(r" \(\d+:\d\d:\d\d\)", "", text)  # pytest says minutes twice
    text = re.sub(r"\.{4,}|-{2,}", "", NUMBER.sub("0", text))
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines()) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
