"""The core's loss surfaces, one per file."""

from flops_fit.fit.forms.chinchilla import Chinchilla as Chinchilla
