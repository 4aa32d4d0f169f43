"""What is said about a tuned rate, on valleys of known shape."""

import math
from dataclasses import replace

import pytest

from flops_fit.design import plan_sweep
from flops_fit.design.rate_findings import Tuning, tuning_findings
from flops_fit.design.rates import Valley, tuning_cells


@pytest.fixture(scope="module")
def spec(make_spec):
    return make_spec(training={"lr": 0.5})


@pytest.fixture(scope="module")
def cells(spec, make_probe):
    return tuning_cells(plan_sweep(spec, make_probe()))


@pytest.fixture(scope="module")
def tuning(spec, cells):
    """What is found where the best rate rises by `drift` octaves per unit of ln N.

    ln(loss) is a parabola in ln N around `centre`, which moves by `pull` per octave of the rate.
    """

    def make(*, drift=0.0, pull=0.0, at_edge=False, centre=None, sizes=3, spec=spec):
        middle = cells.middle
        centre = math.log(middle.size.n_params) if centre is None else centre

        def valley(run):
            # ln(loss) = 0.05 (ln N - centre - pull x)^2 + 0.02 (x - best)^2, collected in powers of x
            off, gap = (
                math.log(run.size.n_params / middle.size.n_params),
                math.log(run.size.n_params) - centre,
            )
            a = 0.02 + 0.05 * pull**2
            x = (0.02 * drift * off + 0.05 * pull * gap) / a
            least = 0.05 * gap**2 + 0.02 * (drift * off) ** 2 - a * x**2
            return Valley(run=run, octaves=x, curvature=a, ln_loss=least, at_edge=at_edge and off > 0)

        others = tuple(map(valley, cells.others[: sizes - 1]))
        return Tuning(spec=spec, middle=valley(middle), others=others, n_runs=14, flops=1e15)

    return make


def found(state):
    return {finding.code: finding for finding in tuning_findings(state)}


def test_a_rate_that_suits_all_sizes_is_reported_as_such(tuning):
    findings = found(tuning(sizes=4))
    assert list(findings) == ["rate-tuned", "rate-transfers", "rate-sensitivity"]
    assert findings["rate-tuned"].value == 0.5
    assert findings["rate-transfers"].value == 0.0
    assert findings["rate-sensitivity"].value == pytest.approx(1.0)
    assert {finding.severity for finding in findings.values()} == {"info"}


def test_a_best_rate_whose_absence_costs_more_than_a_percent_is_a_warning(tuning):
    narrow, wide = (found(tuning(drift=drift)) for drift in (0.1, 0.9))
    assert "rate-transfers" in narrow
    assert wide["tilted-by-tuning"].severity == "warning"
    assert wide["tilted-by-tuning"].value > wide["tilted-by-tuning"].threshold == 0.01


@pytest.mark.parametrize(
    ("octaves", "curvature", "code"),
    [(2.0, 0.001, "rate-transfers"), (0.5, 0.6, "tilted-by-tuning"), (0.1, 0.6, "rate-transfers")],
)
def test_what_a_rate_costs_decides_and_not_how_far_it_is_off(tuning, octaves, curvature, code):
    state = tuning()
    off = replace(state.others[0], octaves=octaves, curvature=curvature)
    finding = found(replace(state, others=(off,)))[code]
    assert f"({math.expm1(curvature * octaves**2):.1%} of its loss lost)" in finding.message
    assert finding.message.endswith(f": up to {octaves:g} octaves away.")


def test_a_best_rate_beyond_all_that_were_tried_is_a_warning(tuning):
    assert "beyond 0.5" in found(tuning(at_edge=True))["tilted-by-tuning"].message


@pytest.mark.parametrize("pull", [0.1, -0.2])
def test_the_pull_of_the_rate_on_the_best_size_is_recovered(tuning, pull):
    message = found(tuning(pull=pull))["rate-sensitivity"].message
    assert f"half the learning rate moves N* by a factor of {math.exp(-pull):.2f}" in message
    assert f"twice the rate by {math.exp(pull):.2f}" in message


def test_the_bias_of_one_rate_for_all_is_the_shift_of_the_minimum(tuning, cells):
    """Losses at each size's own best rate are 0.05 gap²; those at one rate carry 0.02 drift² off² on top."""
    state = tuning(drift=0.4, centre=math.log(cells.middle.size.n_params) + 0.5)
    shared = 0.05 * 0.5 / (0.05 + 0.02 * 0.4**2)
    assert found(state)["rate-sensitivity"].value == pytest.approx(math.exp(shared - 0.5), rel=1e-6)


def test_a_bias_beyond_a_quarter_is_a_warning(tuning, cells):
    state = tuning(drift=1.5, centre=math.log(cells.middle.size.n_params) + 0.5)
    finding = found(state)["rate-sensitivity"]
    assert (finding.severity, finding.value < 1 / finding.threshold) == ("warning", True)


@pytest.mark.parametrize("case", [{"sizes": 2}, {"centre": 60.0}])
def test_too_few_sizes_or_no_minimum_among_them_tell_nothing(tuning, case):
    assert "rate-sensitivity-unknown" in found(tuning(**case))


def test_trials_that_all_diverged_are_no_minimum(tuning):
    state = tuning()
    lost = replace(state.others[-1], ln_loss=math.inf, curvature=0.0, octaves=-3.0, at_edge=True)
    findings = found(replace(state, others=(state.others[0], lost)))
    assert {"tilted-by-tuning", "rate-sensitivity-unknown"} <= set(findings)
    assert "(every trial diverged)" in findings["tilted-by-tuning"].message


def test_rates_that_are_scaled_are_told_with_their_power(tuning, make_spec, cells):
    scaling = {"at": cells.middle.size.n_params, "exponent": -0.5}
    state = tuning(spec=make_spec(training={"lr": 0.5, "lr_scaling": scaling}))
    assert "0.5 is the best" in found(state)["rate-tuned"].message
    assert "that of other sizes goes as N^-0.50" in found(state)["rate-tuned"].message
    smallest = state.others[0]
    lr = 0.5 * (smallest.run.size.n_params / cells.middle.size.n_params) ** -0.5
    assert state.lr_at(smallest) == pytest.approx(lr)
    assert f"which trains at {lr:.2g}" in found(state)["rate-transfers"].message


@pytest.mark.parametrize("transfers", [True, False])
def test_only_a_family_that_promises_nothing_is_told_to_scale_its_rates(tuning, make_spec, cells, transfers):
    family = type("Grown", (type(make_spec().model),), {"lr_transfers": transfers})
    spec = make_spec(training={"lr": 0.5}, model=family())
    findings = found(tuning(drift=1.5, centre=math.log(cells.middle.size.n_params) + 0.5, spec=spec))
    for code in ("tilted-by-tuning", "rate-sensitivity"):
        assert findings[code].severity == "warning"
        assert "`training.lr_scaling: {at: " in findings[code].action
        assert "design.n_min" in findings[code].action
        assert ("param_groups" in findings[code].action) is not transfers


@pytest.mark.parametrize("before", [0.0, -0.5])
def test_the_power_advised_is_the_one_on_which_the_best_rates_lie(tuning, make_spec, cells, before):
    """Best rates that rise by `drift` octaves per unit of ln N go as N^(drift ln 2), above what is there."""
    n_params = cells.middle.size.n_params
    scaling = {"at": n_params, "exponent": before} if before else None
    state = tuning(drift=0.9, spec=make_spec(training={"lr": 0.5, "lr_scaling": scaling}))
    written = f"{{at: {n_params}, exponent: {0.9 * math.log(2) + before:.2g}}}"
    assert f"`training.lr_scaling: {written}`" in found(state)["tilted-by-tuning"].action


def test_no_power_is_advised_where_the_smallest_and_the_largest_size_want_the_same(tuning):
    state = tuning()
    both = [replace(state.others[i], octaves=2.0, curvature=0.02) for i in (0, -1)]
    smaller, larger = (valley.run.size.n_params / state.middle.run.size.n_params for valley in both)
    assert smaller < 1 < larger
    assert "lr_scaling" not in found(replace(state, others=tuple(both)))["tilted-by-tuning"].action
