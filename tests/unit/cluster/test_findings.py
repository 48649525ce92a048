"""Whether the doctor's findings stop a run."""

import pytest

from papertune.cluster.findings import doubt, fine, guarded, show_all, wrong
from papertune.errors import CollectError


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_the_last_line_counts_what_must_be_mended(bad, capsys):
    found = [fine("room"), doubt("slow", "wait"), *[wrong("no table", "make it")] * bad]
    assert show_all(found) is (bad == 0)
    last = capsys.readouterr().out.splitlines()[-1]
    assert (f"{bad} thing" in last) is (bad > 0)
    assert "1 line" in last


def test_a_check_that_fails_itself_is_a_line_and_the_others_go_on():
    def breaks():
        yield fine("room")
        raise RuntimeError("out\nof order \x1b[31m")

    def refuses():
        raise CollectError("no such file", where="papers.csv", hint="bring it")

    broken = list(guarded("the folders", breaks))
    assert [one.state for one in broken] == ["ok", "doubt"]
    assert "the folders" in broken[1].text and "out of order" in broken[1].text
    assert "\x1b" not in str(broken[1])
    (refused,) = guarded("documents", refuses)
    assert refused.state == "wrong" and "papers.csv" in refused.text and refused.hint == "bring it"
