"""Conformance suite for flops-fit plugins; holds no checks yet."""
