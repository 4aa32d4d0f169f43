"""A model family for flops-fit."""
