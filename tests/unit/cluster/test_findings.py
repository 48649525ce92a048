"""What the doctor's findings come to."""

import pytest

from papertune.cluster.findings import doubt, fine, show_all, wrong


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_the_last_line_counts_what_must_be_mended(bad, capsys):
    found = [fine("room"), doubt("slow", "wait"), *[wrong("no table", "make it")] * bad]
    assert show_all(found) is (bad == 0)
    last = capsys.readouterr().out.splitlines()[-1]
    assert (f"{bad} thing" in last) is (bad > 0)
    assert "1 line" in last
