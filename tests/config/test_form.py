import pytest

from flops_fit.config.form import read_form
from flops_fit.errors import SpecError, speaking_to_command_line
from flops_fit.fit.forms import Bounded


@pytest.mark.parametrize(
    "form", ["{kind: bounded, chance: 0.9}", {"kind": "bounded", "chance": 0.9}, Bounded(chance=0.9)]
)
def test_a_form_may_be_yaml_a_mapping_or_an_object(form):
    assert read_form(form) == Bounded(chance=0.9)


def test_a_name_is_enough():
    assert read_form("bounded") == Bounded()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("chinchila", r"(?s)no fit form is called 'chinchila'; installed: auto.*use 'chinchilla'"),
        (
            "all",
            r"(?s)no fit form is called 'all'; .*offers it; without form all that suit the runs are comp",
        ),
        ("{kind: bounded, chanc: 1}", r"(?s)form.chanc: there is no such field.*use 'chance'"),
        ("{kind: bounded, chance: -1}", "found -1; allowed: values above 0"),
        ("[1, 2", "is not a YAML value"),
        ("3", "3 is no `fit`"),
        ("{chance: 1}", "`kind` is missing"),
    ],
)
def test_a_form_that_is_none_is_one_clear_error(form, message):
    with pytest.raises(SpecError, match=message):
        read_form(form)


def test_a_fix_is_an_argument_or_an_option():
    with pytest.raises(SpecError) as caught:
        read_form("data_constrained")
    assert caught.value.fix == 'write e.g. form="{kind: data_constrained, unique_units: 1e09}"'
    with speaking_to_command_line(), pytest.raises(SpecError) as caught:
        read_form("data_constrained")
    assert caught.value.fix == "write e.g. --form '{kind: data_constrained, unique_units: 1e09}'"
