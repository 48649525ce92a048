"""Abstracts in many languages are kept, however few blanks they have; rubbish is dropped."""

import pytest

from languages import TEXTS, Text
from papertune.collect.listings.services import Paper
from papertune.collect.listings.wikipedia import _documents
from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.texts.is_abstract import is_abstract, is_cut, is_description
from papertune.collect.texts.jats import text_of
from papertune.collect.texts.pdf import abstract_of
from papertune.collect.texts.text import clean
from papertune.collect.texts.titles import searchable
from papertune.collect.texts.wikipedia_text import sections_of_extract, sections_of_html
from papertune.collect.web.pages import challenge_of
from papertune.study.settings.qa import WikipediaSource

HEADINGS = {
    "chinese": ("摘　要", "关键词：机器人；灰尘"),
    "traditional chinese": ("【摘要】", "關鍵詞：機器人"),
    "japanese": ("要旨", "キーワード：ロボット"),
    "thai": ("บทคัดย่อ", "คำสำคัญ: หุ่นยนต์"),
    "korean": ("초록", "주제어: 로봇"),
    "finnish": ("Tiivistelmä", "Avainsanat: robotti"),
    "german": ("Zusammenfassung", "Schlüsselwörter: Roboter"),
    "russian": ("Аннотация", "Ключевые слова: робот"),
    "greek": ("Περίληψη", "Λέξεις-κλειδιά: ρομπότ"),
    "arabic": ("الملخص", "الكلمات المفتاحية: روبوت"),
    "hebrew": ("תקציר", "מילות מפתח: רובוט"),
    "hindi": ("सारांश", "मुख्य शब्द: रोबोट"),
    "vietnamese": ("Tóm tắt", "Từ khóa: robot"),
}
RUBBISH = [
    "首页 期刊介绍 编委会 投稿指南 期刊订阅 联系我们 留言板 下载中心 登录 注册 在线投稿 过刊浏览",
    "首页 | 期刊介绍 | 编委会 | 投稿指南 | 期刊订阅 | 联系我们 | 留言板 | 下载中心 | 在线投稿 | 过刊浏览",
    "关键词：机器人；静电刷；太阳能电池板；沙漠；清洁；发电量；灰尘；沙尘暴；自动运行；充电；试验；用水量",
    "暂无摘要",
    "暂无摘要。请登录后查看全文，或联系编辑部获取该论文的电子版本，谢谢您的理解与支持，祝您生活愉快。",
    "请先登录后再查看本文的全文内容，如果您还没有账号，请点击这里注册一个新的账号，注册完全免费。",
    "本网站使用Cookie以便为您提供更好的浏览体验，继续浏览即表示您同意我们使用Cookie以及我们的隐私政策。",
    "ホーム 論文検索 巻号一覧 投稿規定 編集委員会 お問い合わせ ログイン 会員登録 サイトマップ ヘルプ",
    "この論文には抄録がありません。ログインして全文をご覧いただくか、図書館にお問い合わせください。",
    "当サイトではクッキーを使用しています。引き続きご利用になる場合はプライバシーポリシーに同意したことになります。",
    "หน้าแรก เกี่ยวกับเรา ติดต่อเรา เข้าสู่ระบบ ค้นหา วารสาร ดาวน์โหลด ช่วยเหลือ สมัครสมาชิก",
    "홈 | 학회 소개 | 논문 검색 | 투고 안내 | 편집위원회 | 공지사항 | 로그인 | 회원가입 | 사이트맵",
    "Главная | О журнале | Авторам | Архив | Редакция | Контакты | Поиск | Вход | Регистрация",
    "Diese Website verwendet Cookies, um Ihnen den bestmöglichen Service zu bieten. Mehr erfahren Sie hier.",
    "الرئيسية | عن المجلة | هيئة التحرير | إرشادات المؤلفين | الأرشيف | اتصل بنا | تسجيل الدخول",
]  # fmt: skip
EVERY = pytest.mark.parametrize("name", TEXTS)


def page(head: str = "", body: str = "", title: str = TEXTS["chinese"].title) -> str:
    return f"<html><head><title>{title}</title>{head}</head><body>{body}</body></html>"


@EVERY
def test_an_abstract_is_one_in_every_language_and_from_every_place(name: str) -> None:
    text: Text = TEXTS[name]
    heading, keywords = HEADINGS[name]
    said = text.text
    for one in (said, text.other):
        assert is_abstract(clean(one)) and not is_cut(one), one
    assert is_description(said)
    assert Paper("1", [text.title], 2020, said).outcome("here").text == said
    for mark in (":", "："):
        assert clean(f"{heading}{mark} {said}") == said
    assert text_of(f"<jats:title>{heading}</jats:title><jats:p>{said}</jats:p>") == said
    pages = {
        "meta:citation_abstract": page(f'<meta name="citation_abstract" content="{said}">'),
        "section": page(body=f"<h2>{heading}</h2><p>{said}</p><p>{keywords}</p><h2>1</h2><p>x</p>"),
        "og:description": page(
            f'<meta property="og:description" content="{said}">', title=text.title
        ),
    }
    for found_by, markup in pages.items():
        found = best_abstract(markup, "https://journal.example/1")
        assert found and (found.text, found.found_by, found.truncated) == (said, found_by, False)
    assert abstract_of(f"{text.title}\n\n{heading}\n{said}\n{keywords}\n\n1 x") == said
    assert searchable(text.title)


@pytest.mark.parametrize("said", RUBBISH)
def test_what_stands_in_an_abstracts_place_is_none(said: str) -> None:
    assert not is_abstract(clean(said))
    assert (
        best_abstract(page(body=f"<h2>摘要</h2><div>{said}</div>"), "https://x.example/1") is None
    )


def test_a_chinese_abstract_of_150_letters_is_long_enough_and_a_line_is_not() -> None:
    said = TEXTS["chinese"].text
    cut = said[:150]
    assert is_abstract(cut) and is_abstract(said[:39])  # two lines of print, 27 words
    assert not is_abstract(said[:25])
    assert is_cut(cut) and not is_cut(said[: said.index("。", 100) + 1])


def test_a_short_chinese_description_is_an_abstract_and_a_sites_is_none() -> None:
    said = "本文提出一种面向稀疏矩阵的缓存预测方法，通过历史地址学习访问模式，在十二个基准上将能耗降低三成。"
    assert is_description(said) and not is_description(said[:30] + "。")
    assert not any(map(is_description, RUBBISH))


def test_a_meta_description_is_taken_where_it_has_words_of_the_title() -> None:
    said, title = TEXTS["chinese"].text, TEXTS["chinese"].title
    markup = page(f'<meta name="description" content="{said}">')
    assert best_abstract(markup, "https://x.example/1") is not None
    other = markup.replace(title, TEXTS["chinese"].other_title)
    assert best_abstract(other, "https://x.example/1") is None


@EVERY
def test_a_page_of_a_wiki_is_kept_if_it_has_as_many_words(name: str) -> None:
    text = TEXTS[name].text
    for sections in (sections_of_extract(f"{text}\n"), sections_of_html(f"<p>{text}</p>")):
        assert [section.paragraphs for section in sections if section.paragraphs] == [[text]]
        source = WikipediaSource(kind="wikipedia", titles=["x"], min_words=40)
        (document,) = _documents(None, source, "https://x.example/1", "x", sections)  # type: ignore[arg-type]
        assert getattr(document, "text", document) == text
        source = WikipediaSource(kind="wikipedia", titles=["x"], min_words=400)
        (rejection,) = _documents(None, source, "https://x.example/1", "x", sections)  # type: ignore[arg-type]
        assert getattr(rejection, "reason", "") == "too_short"


def test_a_page_with_much_to_read_is_no_challenge() -> None:
    for text in (TEXTS["chinese"], TEXTS["thai"]):
        markup = page(
            body=f"<div class='g-recaptcha'></div><div>{(text.text + text.other) * 2}</div>"
        )
        assert challenge_of(markup) == ""
        assert (
            challenge_of(page(body=f"<div class='g-recaptcha'></div><div>{text.title}</div>"))
            == "captcha"
        )


def test_lines_of_chinese_are_joined_without_blanks() -> None:
    said = TEXTS["chinese"].text
    broken = "\n".join(said[start : start + 30] for start in range(0, len(said), 30))
    assert clean(broken) == said
    assert clean("一个 GPT\n模型。\nIt is\nso.") == "一个 GPT 模型。 It is so."
