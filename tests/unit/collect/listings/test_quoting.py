"""Cells of a tab-separated table are taken as quoted only where that is certain."""

from pathlib import Path

import pytest

from papertune.collect.listings.rows import raw_rows

QUOTED = {
    "excel": 'q\ta\n"What, is it?"\tA cache\nWhy?\t"To save, of course"\n',
    "doubled": 'q\ta\nWhat?\t"It is ""it"", yes"\nWhy, then?\tSo\n',
    "lines": 'q\ta\nWhat?\t"One\ntwo"\nWhy, then?\tSo\n',
    "columns": 'q\ta\tn\n"What"\t"It is"\t1\n"Why"\t"So"\t2\n"Who"\t"We"\t3\n',
    "header": '"q"\t"a"\n"What"\tIt is\n',
}
OWN = {
    "speech": 'q\ta\n"Yes," he said.\t"Ja", sagte er.\n"No, never."\t"Nein, nie."\n',
    "whole": 'q\ta\n"Yes, I do."\t"Ja."\nWell, no.\tNein.\n',
    "inch": 'q\ta\nA 5" disk\t"It is ""it"", yes"\n',
    "open": 'q\ta\n"Open, and\tOffen\nclosed"\tzu\n',
    "few": 'q\ta\n"Yes"\t"Ja"\n',
    "later": 'q\ta\n"Open, and\nclosed"\tzu\tund\n',
}


def cells(written, text):
    path = Path(written(text, "a.tsv"))
    return [cell for _, row in raw_rows(path) if isinstance(row, dict) for cell in row.values()]


@pytest.mark.parametrize("name", QUOTED)
def test_the_quotes_of_spreadsheets_go(written, name):
    assert not any(cell[:1] == '"' for cell in cells(written, QUOTED[name]))


def test_a_cell_of_several_lines_is_one_row(written):
    assert cells(written, QUOTED["lines"]) == ["What?", "One\ntwo", "Why, then?", "So"]


@pytest.mark.parametrize("name", OWN)
def test_the_quotes_of_sentences_stay(written, name):
    assert '"' in "".join(cells(written, OWN[name])[:2]) or name == "later"
    assert all(cell in OWN[name] for cell in cells(written, OWN[name]))
