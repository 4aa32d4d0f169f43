"""A u-muP vision transformer and image data sources for flops-fit."""
