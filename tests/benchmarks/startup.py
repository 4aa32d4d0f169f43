"""CPU time of the commands that a shell user waits for, beside bare Python. Exits 1 where a target is missed.

usage: python tests/benchmarks/startup.py [--repeats 10]
"""

import argparse
import json
import resource
import subprocess
import sys

TARGETS_MS = {"flops-fit --help": 100.0, "flops-fit plugins": 200.0}
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "flops-fit --help": [sys.executable, "-m", "flops_fit", "--help"],
    "flops-fit plugins": [sys.executable, "-m", "flops_fit", "plugins"],
}


def cpu_ms(command: list[str]) -> float:
    """User plus system time of one child process, milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    best = {name: min(cpu_ms(command) for _ in range(repeats)) for name, command in COMMANDS.items()}
    for name, ms in best.items():
        ratio = ms / max(best["python -c pass"], 1.0)
        target = TARGETS_MS.get(name, float("nan"))
        print(f"{name:20s} {ms:6.0f} ms CPU  {ratio:4.1f}x bare python  target {target:.0f}")
    missed = [name for name, target in TARGETS_MS.items() if best[name] > target]
    print(json.dumps({"benchmark": "startup", "cpu_ms": best, "targets_ms": TARGETS_MS, "missed": missed}))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
