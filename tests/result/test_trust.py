"""What a law refuses to answer."""

from dataclasses import replace

import pytest

from flops_fit.errors import FitError
from flops_fit.quantities import Interval
from flops_fit.result.prediction import predict
from flops_fit.result.trust import check_known


def test_a_size_whose_order_of_magnitude_is_unknown_is_no_answer(known_law):
    prediction = predict(known_law, known_law.flops_range[1])
    check_known(prediction)
    with pytest.raises(FitError, match="not even known within a factor of 1000"):
        check_known(replace(prediction, n_params_interval=Interval(1e-193, 1e205, 0.95)))
