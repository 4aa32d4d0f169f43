"""A family that two processes train otherwise than one; a module of its own, because they import it."""

import os
from typing import Literal

from flops_fit_conformance.reference import ReferenceModel
from flops_fit_conformance.reference_net import Net


class LopsidedNet(Net):
    """On process 1 of several, its outputs are a thousandth larger."""

    def forward(self, batch):
        return super().forward(batch) * (1 + 1e-3 * int(os.environ.get("RANK", "0")))


class Lopsided(ReferenceModel):
    kind: Literal["lopsided"] = "lopsided"

    def build(self, size, data):
        return LopsidedNet(data.n_classes, size.options["width"], data.n_classes, tokens=True)
