"""Usual names of the columns of papers and of questions.

They come from people, reference managers (Zotero, Mendeley, EndNote, CSL JSON), databases (Scopus,
Web of Science, PubMed, IEEE Xplore, Dimensions, Lens) and APIs (Crossref, OpenAlex, Semantic
Scholar).
"""

import re
from functools import lru_cache
from itertools import chain
from unicodedata import normalize


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A column's name in lower-case letters and digits: ``dc.title[en]`` gives ``dctitle``."""
    name = re.sub(r"\[\w{0,8}\]$", "", normalize("NFKC", str(name)).strip())
    return re.sub(r"[\W_]+", "", name).lower()


# field → names in order of preference; a table may have only one of those joined by |; case and
# punctuation do not matter
KNOWN: dict[str, tuple[str, ...]] = {
    "title": (
        "title",
        "article title|document title|paper title|item title|primary title|dc title|ti",
        "titel|titre|titulo|título|titolo|tytuł|название|заглавие|标题|题名|題名|篇名|论文标题|论文题目|文献标题"
        "|標題|論文タイトル|タイトル|제목|논문명|başlık|makale adı|tittel|otsikko|judul|tên bài",
        "display name",
    ),
    "doi": (
        "doi",
        "di|dois|doi link|doi url|doi number|item doi|dc identifier doi|digital object identifier"
        "|externalids doi|prism doi|article doi|paper doi|publication doi|citation doi",
    ),
    "paper_url": (
        "paper url",
        "url", "link|lien|enlace|odkaz", "article url|articleurl", "paper link", "landing page url",
        "primary location landing page url", "url abs", "html url", "dc identifier uri", "external url",
        "dimensions url", "permalink",
        "document url", "item url", "adresse|网址|链接|連結|リンク|ссылка", "forum", "ee", "uri",
        "source url|source urls", "pdf url|pdf link|pdf|url pdf|full text url|fulltexturl", "ut url",
    ),
    "year": (
        "year",
        "publication year",
        "published year|year of publication|publish year|publishing year",
        "pub year|pubyear", "py", "year published", "paper year", "publish time|publish date|published at",
        "jahr|erscheinungsjahr|année|annee|año|anno|ano|rok|год|年份|出版年|发表年份|发表年度|年|発行年|연도|발행연도"
        "|yıl|yayın yılı|år|vuosi|tahun|năm",
        "date", "issued", "publication date", "date published|published date", "published",
        "date issued|dc date issued", "pub date",
        "cover date|prism coverdate", "datum|发表时间|出版日期|дата", "published print", "published online",
    ),
    "abstract": (
        "abstract",
        "abstract note|abstractnote|abstract text|abstracttext|paper abstract|article abstract"
        "|dc description abstract"
        "|ab|abstracts|abstract en|english abstract",
        "zusammenfassung|kurzfassung|résumé|resumé|resume|resumen|resumo|riassunto|streszczenie|аннотация"
        "|реферат|摘要|中文摘要|论文摘要|抄録|要旨|概要|초록|요약"
        "|özet|öz|sammanfattning|sammendrag|samenvatting|tiivistelmä|abstrak|tóm tắt",
        "summary",
        "abstract inverted index",
    ),
}  # fmt: skip
GROUPS = {
    field: [[*map(plain, group.split("|"))] for group in groups] for field, groups in KNOWN.items()
}
FLAT = {field: [*chain.from_iterable(groups)] for field, groups in GROUPS.items()}
# names for questions, and for other columns of papers or questions
_OTHERS = (
    "question|answer|questions|answers|prompt|response|completion|instruction|input|output|context"
    "|messages|conversations|query|problem|solution|frage|antwort|réponse|pregunta|respuesta|domanda"
    "|risposta|问题|答案|質問|回答|질문|답변|soru|cevap|id|key|author|authors|autor|autoren|auteurs|作者"
    "|journal|category|keywords"
)
NAMES = {*chain.from_iterable(FLAT.values()), *map(plain, _OTHERS.split("|"))}
