"""The contract of flops-fit plugins, clause by clause: each `check_*` function below `checks` tests one.

`flops-fit-conformance NAME`, or `pytest --pyargs flops_fit_conformance --flops-fit-plugin NAME`.
"""
