"""Vision plugin for flops-fit; registers nothing yet."""
