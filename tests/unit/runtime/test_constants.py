"""Knobs: the domain grammar, exact edits, and reasons for what is left alone."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.runtime.constants import Choices, Range, Value, read_knobs, rounded


def domain_of(line: str) -> Range | Choices | None:
    knobs = read_knobs({"t.py": line + "\n"})
    return knobs.all[0].domain if knobs.all else None


def reasons(text: str, path: str = "t.py") -> str:
    return "\n".join(read_knobs({path: text}).reasons)


@pytest.mark.parametrize(
    ("line", "domain"),
    [
        ("A = 1e-3  # 1e-4 .. 3e-2, log", Range(1e-4, 3e-2, True, False)),
        ("A = 64  # 16 .. 128, log ; names a step", Range(16, 128, True, True)),
        ("A = 64  # 16..128,log", Range(16, 128, True, True)),
        ("A = -1  #-2 .. 2", Range(-2, 2, False, True)),
        ("A = 0  # 0 .. 0.5", Range(0.0, 0.5, False, False)),
        ("A: float = 0.5  # 0 .. 1; a share", Range(0.0, 1.0, False, False)),
        ("A = 5000  # 1_000 .. 10_000", Range(1000, 10000, False, True)),
        ("A = 16  # 16 | 24 | 32", Choices((16, 24, 32))),
        ("A = 0  # 0 | 0.1", Choices((0.0, 0.1))),
        ("A = False  # False | True", Choices((False, True))),
        ("A = True  # False | True ; prose with | and 1 .. 2", Choices((False, True))),
        ('A = "relu"  # "relu" | "gelu"', Choices(("relu", "gelu"))),
        ("A = 'relu'  # relu | gelu", Choices(("relu", "gelu"))),
        ("A = -1.5  # -1.5 | 2", Choices((-1.5, 2.0))),
        ("A = 0.5", Range(0.05, 5.0, True, False)),
        ("A = 0.5  # how much of it", Range(0.05, 5.0, True, False)),
        ("A = 0.5  # see above...", Range(0.05, 5.0, True, False)),
        ("A = 100", Range(25, 400, True, True)),
        ("A = 2", Range(1, 8, True, True)),
        ("A = True", Choices((False, True))),
        ("A = 1", None),
        ("A = 0", None),
        ("A = 0.0", None),
        ("A = -0.5", None),
        ("A = 'word'", None),
    ],
)
def test_the_grammar_of_domains(line: str, domain: Range | Choices | None) -> None:
    assert domain_of(line) == domain
    assert read_knobs({"t.py": line}).reasons == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A = 5  # 10 .. 20", "5 is not in '10 .. 20'"),
        ("A = 5  # 9 .. 1", "the low end is not below the high end"),
        ("A = 5  # 5 .. 5", "the low end is not below the high end"),
        ("A = 5  # 0 .. 9, log", "does not start above 0"),
        ("A = 5  # 1 .. 9, linear", "is not `low .. high`"),
        ("A = 5  # 1 .. many", "is not `low .. high`"),
        ("A = 5  # 1e999 .. 2", "not finite"),
        ("A = True  # 0 .. 1", "a range of numbers and the value is True"),
        ("A = 'x'  # 0 .. 1", "a range of numbers and the value is 'x'"),
        ("A = 5  # 1 | 2", "5 is not in '1 | 2'"),
        ("A = 5  # 5 | 'x'", "not of one type"),
        ("A = 1  # True | 1", "not of one type"),
        ("A = 5  # 5 | 5", "one value only"),
        ("A = 5  # a | b", "not a list of values"),
        ("A = 5  # 5 |", "not a list of values"),
    ],
)
def test_a_bad_domain_is_not_searched_and_says_why(line: str, words: str) -> None:
    knobs = read_knobs({"t.py": line})
    assert [knob.domain for knob in knobs.all] == [None]
    assert knobs.searchable == ()
    assert words in knobs.reasons[0]
    assert "A (t.py:1)" in knobs.reasons[0]


@pytest.mark.parametrize(
    "value", ["None", "2 ** 4", "(1, 2)", "[1]", "B", "f()", "b'x'", "1e999", "1j", "f'x'", "-True", "9" * 20]
)
def test_what_is_no_plain_value_is_left_alone_with_a_reason(value: str) -> None:
    knobs = read_knobs({"t.py": f"A = {value}\n"})
    assert knobs.all == ()
    assert "A (t.py:1) is left alone" in knobs.reasons[0]


def test_only_upper_case_names_of_the_module_are_knobs() -> None:
    text = "a = 2\nAb = 2\n_A = 2\ndef f():\n    B = 2\nclass K:\n    C = 2\nX.D = 2\nE2_ = 2\nF, G = 2, 3\n"
    assert [knob.name for knob in read_knobs({"t.py": text}).all] == ["E2_"]


@pytest.mark.parametrize("text", ["A = 2\nA = 3\n", "A = 2\nif A:\n    A = 3\n", "A = 2\nA *= 2\n", "A *= 2\n"])
def test_a_constant_that_is_assigned_twice_is_left_alone(text: str) -> None:
    knobs = read_knobs({"t.py": text})
    assert knobs.all == ()
    assert "more than once" in knobs.reasons[0]


def test_a_name_in_two_files_is_left_alone() -> None:
    knobs = read_knobs({"b.py": "A = 2\nB = 2\n", "a.py": "\nA = 2\n"})
    assert [knob.name for knob in knobs.all] == ["B"]
    assert "a.py:2 and b.py:1" in knobs.reasons[0]


@pytest.mark.parametrize(
    "text", ["A = = 2", "A = 2\0", "A = " + "(" * 500, "A = " + "-" * 100_000 + "1", "'''", "A = '\ud800"]
)
def test_hostile_text_is_a_reason(text: str) -> None:
    assert "not valid Python" in reasons(text) or "left alone" in reasons(text)


def test_advice_of_the_parser_is_not_passed_on() -> None:
    assert read_knobs({"t.py": "A = '\\d'\nB = 1 is 1\n"}).values == {"A": "\\d"}


def test_other_languages_are_a_reason() -> None:
    assert reasons("LR: 1", "config.yaml") == "config.yaml is not read for constants: only .py files are"


def test_apply_touches_nothing_but_literals() -> None:
    text = (
        '"""Module."""\nfrom x import y\r\nLR   =   1e-3  # 1e-4 .. 1, log ; größer\n'
        'Ü = 1; S = "ä"; N = -3  # -9 .. 9\n'
        'MODE = (\n    "slow"  # why\n)\nLONG = """two\nlines"""\nSAME = 1_000\nprint(LR, "1e-3")'
    )
    new = read_knobs({"t.py": text}).apply({"LR": 0.5, "N": 4, "MODE": "it's", "SAME": 1000, "LONG": "a\nb"})["t.py"]
    expected = text.replace("LR   =   1e-3", "LR   =   0.5").replace("-3  # -9", "4  # -9").replace('"slow"', '"it\'s"')
    assert new == expected.replace('"""two\nlines"""', '"a\\nb"')


@pytest.mark.parametrize(
    "text",
    ["\ufeffA = 2\n", "A = 2", "A = 2\r\nB = 3\r\n", "\rA = 2\r", "x = '\f'\n\f\nA = 2\n", "x = 'é\u2028'\nA = 2\n"],
)
def test_offsets_survive_strange_line_ends(text: str) -> None:
    assert read_knobs({"t.py": text}).apply({"A": 3})["t.py"] == text.replace("A = 2", "A = 3")


def test_apply_changes_only_the_files_that_differ() -> None:
    knobs = read_knobs({"a.py": "A = 2\n", "b.py": "B = 2\n"})
    assert knobs.apply({"A": 2, "B": 3}) == {"b.py": "B = 3\n"}
    assert knobs.apply({}) == {}


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"Z": 1}, KeyError),
        ({"A": "x"}, ValueError),
        ({"A": True}, ValueError),
        ({"A": 2.5}, ValueError),
        ({"F": math.inf}, ValueError),
    ],
)
def test_apply_refuses_what_would_not_be_the_same_program(settings: dict[str, Value], error: type[Exception]) -> None:
    with pytest.raises(error):
        read_knobs({"t.py": "A = 2\nF = 2.0\n"}).apply(settings)


def test_a_float_keeps_its_type() -> None:
    assert read_knobs({"t.py": "A = 0  # 0 .. 0.5\n"}).apply({"A": 0.25})["t.py"].startswith("A = 0.25  #")
    assert read_knobs({"t.py": "A = 0.5\n"}).apply({"A": 1})["t.py"] == "A = 1.0\n"


@pytest.mark.parametrize(
    ("value", "domain", "result"),
    [
        (0.00123456, Range(1e-4, 1e-2, True, False), 0.001235),
        (0.99999, Range(0, 0.9999, False, False), 0.9999),
        (1.00001, Range(1.00001, 2, False, False), 1.00001),
        (7.6, Range(1, 8, False, True), 8),
        (9.2, Range(1, 8, False, True), 8),
    ],
)
def test_numbers_are_written_as_a_person_would(value: float, domain: Range, result: float) -> None:
    assert rounded(value, domain) == result
    assert rounded(value, domain) in domain


NAMES = st.text(string.ascii_uppercase, min_size=1, max_size=6)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**53), 2**53)


@st.composite
def programs(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, Value]]:
    """Two files of constants, and other values of the same types for some of them."""
    names = draw(st.lists(NAMES, unique=True, min_size=1, max_size=6))
    files, settings = {"a.py": "# ünïcödé\n", "b/c.py": "import os\r\n"}, {}
    for name in names:
        kind = draw(st.sampled_from([FLOATS, INTEGERS, st.booleans(), TEXTS]))
        old, new = draw(kind), draw(kind)
        path = draw(st.sampled_from(sorted(files)))
        comment = draw(st.sampled_from(["", "  # prose, ä", "  # 1 .. 2", "  # a | b ; c"]))
        files[path] += f"{name}{draw(st.sampled_from(['=', ' = ', ': object  =  ']))}{old!r}{comment}\n"
        if draw(st.booleans()):
            settings[name] = new
    return files, settings


@given(programs())
def test_what_was_applied_is_read_back(program: tuple[dict[str, str], dict[str, Value]]) -> None:
    files, settings = program
    knobs = read_knobs(files)
    wanted = {name: value for name, value in settings.items() if name in knobs.values}
    changed = knobs.apply(wanted)
    again = read_knobs({**files, **changed})
    for name, value in wanted.items():
        assert again.values[name] == value
    for name, value in knobs.values.items():
        assert name in wanted or again.values[name] == value
    assert read_knobs({**files, **changed}).apply(knobs.values).keys() <= changed.keys()


@given(st.dictionaries(st.sampled_from(["a.py", "b.py", "c.txt"]), st.text(max_size=200)))
def test_reading_never_raises(files: dict[str, str]) -> None:
    knobs = read_knobs(files)
    assert knobs.apply(knobs.values) == {}
