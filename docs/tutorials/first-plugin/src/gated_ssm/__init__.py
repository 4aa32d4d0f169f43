"""A gated diagonal state-space language model for flops-fit."""
