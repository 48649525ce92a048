"""Placeholders for missing values, and words that only look like them."""

import pytest

from papertune.collect.texts.missing import is_missing, is_no_text, is_no_title

UNKNOWN = (
    " |N/A|n.a.|[N/A]|(n/a)|NA|nan|NaN|NaT|<NA>|null|NULL|\\N|undefined|#N/A|#REF!|#DIV/0!|#WERT!|#NV"
    "|-|--|–|—|…|...|TBA|t.b.a.|not available|Not Available.|k. A.|keine Angabe|暂无"
)
NO_ABSTRACT = (
    "None|none.|No abstract available.|[No abstract]|(Abstract not available)|<No abstract>|*No abstract*"
    "|No abstract is available for this article.|There is no abstract available.|Abstract unavailable"
    "|No abstract prepared.|Abstract Not Provided|Abstract to follow|Abstract|Abstract:|Abstract: N/A"
    "|No summary available|No description available.|International audience|Peer reviewed|See PDF"
    "|Kein Abstract verfügbar|Keine Zusammenfassung vorhanden.|Zusammenfassung nicht verfügbar"
    "|Pas de résumé disponible|Aucun résumé disponible.|Résumé non disponible|Resumen no disponible"
    "|No hay resumen disponible|Resumo não disponível|Нет аннотации|Аннотация отсутствует|暂无摘要|无摘要"
    "|暫無摘要|摘要暂缺|抄録なし|なし|초록 없음|Brak streszczenia|Geen samenvatting beschikbaar|Özet yok"
)
SAYS = (
    "None of the above|No free lunch|Abstract interpretation of logic programs|NaN boxing in engines"
    "|Null results in physics|-1|A|?x + 1|Missing data|No description logic is enough|Peer review"
    "|No abstract interpretation is needed here.|Not provided by nature|Abstract data types"
)


@pytest.mark.parametrize("text", UNKNOWN.split("|"))
def test_a_value_that_is_not_known_is_missing(text):
    assert is_missing(text) and is_no_text(text) and is_no_title(text)


@pytest.mark.parametrize("text", NO_ABSTRACT.split("|"))
def test_an_abstract_that_says_there_is_none_is_no_text(text):
    assert is_no_text(text)
    assert not is_missing(text), "it may be an answer"


@pytest.mark.parametrize("text", SAYS.split("|"))
def test_what_says_something_is_none_of_them(text):
    assert not (is_missing(text) or is_no_text(text) or is_no_title(text))


@pytest.mark.parametrize("text", ["None", "[No title]", "Untitled", "无标题", "-"])
def test_a_title_that_says_there_is_none_is_no_title(text):
    assert is_no_title(text)
