"""The year of a cell: certain in many forms, or none."""

from datetime import date

import pytest

from papertune.collect.listings.years import year_of

OF_2020 = """
2020
 2020.0
2020a.d.|no
2020-05-01
2020-05
05/2020
20200501
2020/05/01 10:00
2020-05-01T10:00:00Z
Fri, 1 May 2020 10:00:00 GMT
Friday, May 1, 2020
May 2020
1 mai 2020
01.05.2020
5/13/2020
2020年5月1日
2020年
２０２０
2,020
2.020
2\u00a0020
'2020
(2020)
[2020]
c. 2020|no
2020?|no
2020/2021|no
2020-2021|no
2020–2021|no
2020/21|no
20201|no
20209999|no
May-20|no
01.05.20|no
'20|no
43952|no
1588291200|no
soon|no
in press|no
n.d.|no
2019 or 2020|no
"""


@pytest.mark.parametrize("line", OF_2020.strip("\n").splitlines())
def test_a_year_is_read_where_it_is_certain(line):
    text, _, no = line.replace("\\u00a0", "\xa0").partition("|")
    assert year_of(text) == (None if no else 2020)


@pytest.mark.parametrize(
    "value",
    [2020, 2020.0, date(2020, 5, 1), {"date-parts": [["2020", 5]]}, {"raw": "May 2020"},
     {"literal": "2020"}, {"year": 2020, "month": 5}],
)  # fmt: skip
def test_a_year_of_what_json_and_parquet_have(value):
    assert year_of(value) == 2020


@pytest.mark.parametrize("value", [True, None, float("nan"), "", {}, {"date-parts": [[]]}, []])
def test_no_year(value):
    assert year_of(value) is None
