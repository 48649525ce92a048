"""Only the abstract is read, in the title's language, from pages in the layouts of many sites."""

import re
from pathlib import Path

import pytest

from papertune.collect.texts.abstracts import best_abstract

TITLE = "Small Language Models That Read Conference Pages"
TEXTS = {
    "EN1": (
        "Language models forget what they read. We study how a small model gains from reading the "
        "pages of a conference that it is asked about, and how long it keeps what it read."
    ),
    "EN2": (
        "Across three venues, fine-tuning improves the answers by eleven points, and the gain "
        "survives a change of the question writer in every case that we tried."
    ),
    "FR": (
        "Les modèles de langue oublient ce qu'ils lisent. Nous étudions comment un petit modèle "
        "profite de la lecture des pages d'une conférence sur lesquelles il est interrogé, et combien "
        "de temps il les retient."
    ),
    "ES": (
        "Los modelos de lengua olvidan lo que leen. Estudiamos cómo un modelo pequeño mejora con la "
        "lectura de las páginas de una conferencia sobre las que se le pregunta, y cuánto tiempo las "
        "recuerda."
    ),
    "PT": (
        "Os modelos de língua esquecem o que leem. Estudamos como um modelo pequeno melhora com a "
        "leitura das páginas de uma conferência sobre as quais é perguntado, e por quanto tempo as "
        "lembra."
    ),
    "DE": (
        "Sprachmodelle vergessen, was sie lesen. Wir untersuchen, wie ein kleines Modell von der "
        "Lektüre der Seiten einer Konferenz profitiert, zu denen es befragt wird, und wie lange es "
        "sie behält."
    ),
    "RU": (
        "Языковые модели забывают прочитанное. Мы изучаем, как небольшая модель выигрывает от чтения "
        "страниц конференции, о которых её спрашивают, и как долго она их помнит. На трёх "
        "конференциях ответы улучшились."
    ),
    "KO": (
        "언어 모델은 읽은 것을 잊는다. 본 연구에서는 작은 모델이 질문받는 학회의 페이지를 "
        "읽음으로써 어떻게 향상되는지, 그리고 얼마나 오래 기억하는지를 조사한다. 세 학회에서 "
        "개선이 나타났다."
    ),
    "JA": (
        "言語モデルは読んだものを忘れる。本研究では、小さなモデルが質問される会議のページ"
        "を読むことでどのように向上するか、またどれだけ長く記憶するかを調べる。三つの会議"
        "で改善が見られた。"
    ),
    "ZH": (
        "语言模型会忘记它们读过的内容。本文研究小模型如何从阅读会议页面中受益，以及它能记"
        "住多久。在三个会议上，微调使答案提高了十一个百分点，并且在每种情况下都经得起更换"
        "提问者的考验。"
    ),
    "OTHER": (
        "Protein folding in salt water is measured with neutrons. The recommended work finds that it "
        "takes longer than thought, and it gives a table of the times for forty proteins."
    ),
}
TEXTS["EN"] = f"{TEXTS['EN1']} {TEXTS['EN2']}"
TEXTS["PARTS"] = (
    "Introduction: It was unknown whether small models gain. Methods: We asked two models about pages. "
    "Results: The models gain eleven points. Summary: Reading helps small models."
)
TEXTS["BOLD"] = f"Introduction {TEXTS['EN1']} Methods: {TEXTS['EN2']}"
TEXTS["LINK"] = f"{TEXTS['EN']} All of it is at https://code.example/x"
TEXTS["BARE"] = TEXTS["EN"].rstrip(".")


def pages() -> dict[str, tuple[str, str, str]]:
    """The pages of ``pages_by_kind.html``: name → url, what is found, and HTML."""
    saved = Path(__file__).with_name("pages_by_kind.html").read_text()
    _, *parts = re.split(r"<!-- (.+?) \| (\S+) \| (\S+) -->\n", saved)
    made = {}
    for name, url, found, html in zip(*(parts[n::4] for n in range(4)), strict=True):
        for word, text in [*TEXTS.items(), ("TITLE", TITLE)]:
            html = html.replace(f"{{{word}}}", text)
        title = "" if "<title>" in html else f"<title>{TITLE}</title>"
        assert name not in made
        made[name] = url, found, f"<!DOCTYPE html><html><head>{title}{html}"
    return made


PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_abstract_alone_is_taken(name: str) -> None:
    url, expected, html = PAGES[name]
    found = best_abstract(html, url)
    text = found.text if found and not found.truncated else ""
    assert text == TEXTS.get(expected, "")
    assert (found is not None and found.truncated) == (expected == "cut")
