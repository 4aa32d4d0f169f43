"""`python -m flops_fit` is the `flops-fit` command."""

import sys

from flops_fit.cli import main

if __name__ == "__main__":
    sys.exit(main())
