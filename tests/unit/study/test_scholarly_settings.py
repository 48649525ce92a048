"""Settings of scholarly APIs that name no venue, or several, are refused."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from papertune.study.settings import Source
from papertune.study.settings.scholarly import Lookups


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("arxiv", {}),
        ("arxiv", {"category": "cs AR"}),
        ("arxiv", {"query": "x", "typo": 1}),
        ("crossref", {}),
        ("crossref", {"issn": "1234-5678", "event": "x"}),
        ("crossref", {"issn": "x"}),
        ("crossref", {"event": "x", "types": []}),
        ("openalex", {}),
        ("openalex", {"issn": "1234-5678", "venue": "x"}),
        ("openalex", {"issn": "12345678"}),
        ("openalex", {"source": "W12"}),
        ("semantic_scholar", {}),
        ("semantic_scholar", {"venue": ""}),
        ("semantic_scholar", {"venue": "x", "api_key": "k"}),
        ("wikipedia", {}),
    ],
)
def test_a_venue_is_named_in_one_way_and_a_key_is_no_setting(kind, how):
    with pytest.raises(ValidationError):
        TypeAdapter(Source).validate_python({"kind": kind, **how})


def test_lookups():
    assert Lookups(openalex="https://api.openalex.org/") == Lookups()
    for value in (0, 1.1):
        with pytest.raises(ValidationError):
            Lookups(title_match=value)
