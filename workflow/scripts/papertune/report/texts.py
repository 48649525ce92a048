"""Remove the texts of documents, which belong to their authors, from a finished report.

Titles and urls stay, and so do questions and answers, which may quote a text.
"""

import json
import re

from papertune.report.parts import embed_json

# the start of the answers, in the page or in a file of explorer/; and the text of a probe
_PIECE = re.compile(r'<script type="application/json" id="answers-\d++">|\ApapertuneAnswers\(\d++,')
_PROBED = re.compile(r'<details class="source"><summary>[^<]*+</summary><p>[^<]*+</p></details>')


def without_texts(page: str) -> str:
    """``report.html`` or a file of ``explorer/`` without the texts of its documents."""
    page = _PROBED.sub("", page)
    kept, end, decode = [], 0, json.JSONDecoder().raw_decode
    for found in _PIECE.finditer(page):
        piece, after = decode(page, found.end())
        piece["documents"] = [[title, url, ""] for title, url, _ in piece["documents"]]
        kept += [page[end : found.end()], embed_json(piece)]
        end = after
    return "".join([*kept, page[end:]])
