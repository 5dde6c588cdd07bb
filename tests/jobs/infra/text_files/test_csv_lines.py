"""Records of CSV files, each on a line of its own, whatever quotes there are."""

import csv
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.infra.text_files.csv_lines import LINE_BREAK, LONGEST, one_line_records


def lines(text: str, width: int, separator: str = ",") -> list[str]:
    return [line for line, _ in one_line_records(io.StringIO(text, newline=""), separator, width)]


def cells(text: str, width: int, separator: str = ",") -> list[list[str]]:
    rows = csv.reader(lines(text, width, separator), delimiter=separator)
    return [[cell.replace(LINE_BREAK, "\n") for cell in row] for row in rows]


@given(
    rows=st.lists(st.lists(st.text('ab"\n;\\', max_size=8), min_size=3, max_size=3), min_size=1, max_size=9),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_python_writes_is_read_back(rows, quoting, end):
    made = io.StringIO(newline="")
    csv.writer(made, quoting=quoting, lineterminator=end).writerows([["x", "y", "z"], *rows])
    assume('\\"' not in made.getvalue())  # it may be an escaped quote
    assert cells(made.getvalue(), 3) == [["x", "y", "z"], *rows]


def test_lines_without_quotes_stay_as_they_are():
    text = "a,b\n1,2\r\n\n3\n4,5,6\n7,8"
    assert list(one_line_records(io.StringIO(text, newline=""), ",", 2)) == [
        (line, False) for line in text.splitlines(keepends=True)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quote_that_is_never_closed_costs_its_own_line(end):
    text = end.join(["u,note,t", 'u1,"5 inch,1', "u2,ok,2", 'u3,"so, fine",3', 'u4,"two', 'lines",4', "u5,ok,5"])
    assert [line.rstrip("\r\n") for line in lines(text, 3)] == [
        "u,note,t",
        'u1,"5 inch,1',
        "u2,ok,2",
        'u3,"so, fine",3',
        f'u4,"two{LINE_BREAK}lines",4',
        "u5,ok,5",
    ]


def test_two_stray_quotes_do_not_swallow_the_records_between_them():
    text = 'u,note,t\nu1,"5 inch,1\nu2,ok,2\nu3,ok,3\nu4,7",4\n'
    assert lines(text, 3) == text.splitlines(keepends=True)


def test_a_text_of_lines_with_separators_is_a_text_where_it_can_be_one():
    assert cells('sku,text\nA1,"Soft, warm\nRed, blue\nnice"\n', 2)[1] == ["A1", "Soft, warm\nRed, blue\nnice"]
    many = "".join(f"u{n},ok\n" for n in range(12))
    assert lines(f'sku,text\nA1,"stray\n{many}A2,x"\n', 2)[2] == "u0,ok\n"


def test_a_quote_within_an_unquoted_cell_is_a_character():
    text = 'u,note\nu1,5" pipe\nu2,ok\n'
    assert lines(text, 2) == text.splitlines(keepends=True)


def test_a_record_has_a_longest_length():
    text = 'u,note\nu1,"open\n' + "x\n" * 2 * LONGEST + 'y"\nu2,ok\n'
    found = lines(text, 2)
    assert found[1] == 'u1,"open\n'
    assert found[-1] == "u2,ok\n"
    assert len(found) == text.count("\n")


def test_quotes_after_backslashes_are_read():
    text = (
        'sku,name\nA1,"Red \\"best\\" mug"\nA2,"Blue, 12\\" pan"\nA3,"12\\""\nA4,"so\\"\nsaid\\" he"\nA5,"C:\\dir\\"\n'
    )
    assert cells(text, 2)[1:] == [
        ["A1", 'Red "best" mug'],
        ["A2", 'Blue, 12" pan'],
        ["A3", '12"'],
        ["A4", 'so"\nsaid" he'],
        ["A5", "C:\\dir\\"],
    ]


def test_a_header_may_have_line_breaks():
    assert lines('sku,"product\nname"\nA1,Mug\n', 2)[0] == f'sku,"product{LINE_BREAK}name"\n'
