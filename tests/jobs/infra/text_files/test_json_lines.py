"""JSON of any layout, one record a line."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.infra.text_files import json_lines
from jobs.infra.text_files.json_lines import is_lines, values

RECORDS = st.lists(
    st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.lists(st.booleans())), max_size=8
)


@settings(max_examples=40)
@given(records=RECORDS, indent=st.sampled_from([None, 2]), chunk=st.integers(1, 40))
def test_the_elements_of_an_array_are_its_records(records, indent, chunk):
    whole, before = json.dumps(records, indent=indent, ensure_ascii=False), json_lines.CHUNK
    json_lines.CHUNK = chunk
    try:
        found = list(values(io.StringIO(whole)))
    finally:
        json_lines.CHUNK = before
    assert [json.loads(one) for one in found] == records
    assert not any("\n" in one or "\r" in one for one in found)


def test_objects_over_several_lines_are_records():
    text = "".join(json.dumps({"a": n, "b": [{"c": n}]}, indent=1) + "\n" for n in range(3))
    assert not is_lines(io.StringIO(text))
    assert [json.loads(one)["a"] for one in values(io.StringIO(text))] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1}\n{"a": 2}\n', True),
        ('\n\n{"a": 1}', True),
        ("", True),
        ('no json\n{"a": 1}\n', True),
        ('{"a": 1\n{"a": 2}\n', True),
        ("[\n{}\n]", False),
        (' [{"a": 1}]', False),
        ('{\n"a": 1\n}', False),
    ],
)
def test_one_record_a_line_is_told_from_other_layouts(text, lines):
    assert is_lines(io.StringIO(text)) is lines


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a"', '[{"a": 1}', '[{"a": 1}, oops]', '{"a": 1} {'])
def test_what_breaks_off_is_told_with_its_place(text):
    with pytest.raises(ValueError, match=r"character|does not end"):
        list(values(io.StringIO(text)))
