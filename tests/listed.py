"""The listing of a source, in two parts."""

from papertune.collect.listings import by_year
from papertune.records import Document, Rejection


def split(items):
    """Documents, and rejections."""
    items = list(items)
    return (
        [item for item in items if isinstance(item, Document)],
        [item for item in items if isinstance(item, Rejection)],
    )


def rows_of(source, year=2020):
    """What a source of local rows lists of a year."""
    return split(by_year.items(source, year))
