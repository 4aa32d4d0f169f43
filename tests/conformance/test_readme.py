"""The README of the suite lists the checks that there are."""

from flops_fit_conformance.checks import ABOUT, CHECKS, describe_checks


def test_the_readme_lists_every_check_with_its_clause(root):
    text = (root / "conformance" / "README.md").read_text()
    assert text.endswith(describe_checks() + "\n")


def test_every_check_states_its_clause_in_one_line():
    for check in (check for checks in CHECKS.values() for check in checks):
        clause = check.__doc__.partition("\n")[0]
        assert clause.endswith("."), check.__name__
        assert 25 <= len(clause) <= 110, check.__name__
    assert set(ABOUT) == set(CHECKS)
