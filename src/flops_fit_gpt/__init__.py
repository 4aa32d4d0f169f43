"""A u-muP GPT and text data sources for flops-fit."""
