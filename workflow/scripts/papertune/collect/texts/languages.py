"""Languages of science: words for "abstract", notices in its place, and language detection."""

import re
from itertools import groupby, pairwise

from papertune.sentences import BETWEEN, WORD, flat, grams, is_spaceless, sentences

# words for "abstract" and for "keywords"
ABSTRACT = (
    r"(?:内容|中文)?摘\s*要|提\s*要|抄\s*録|要\s*旨|概\s*要|あらまし|(?:국문\s*)?초\s*록|요\s*약"
    r"|аннотация|реферат|резюме|анотація|tiivistelmä|περίληψη|(?:ال)?ملخص(?: البحث)?|المستخلص"
    r"|چکیده|תקציר|सारांश|सार|tóm tắt|บทคัดย่อ|özet|öz|sammendrag|resumé|sammanfattning"
    r"|samenvatting|resumen|resumo|résumé|riassunto|riassunti|streszczenie|abstrakt|souhrn"
    r"|összefoglal(?:ás|ó)|rezumat|sažetak|zusammenfassung|kurzfassung|abstrak"
)
KEYWORDS = (
    r"关键词|关键字|關鍵[词詞字]|キーワード|키워드|주제어|핵심어|ключевые слова|ключові слова"
    r"|avainsanat|asiasanat|λέξεις[- ]κλειδιά|(?:ال)?كلمات (?:ال)?مفتاحية|الكلمات الدالة"
    r"|کلید[ \u200c]?واژه|מילות מפתח|मुख्य शब्द|कुंजी ?शब्द|từ khóa|คำสำคัญ"
    r"|anahtar (?:kelimeler|sözcükler)|nøkkelord|nyckelord|trefwoorden|palabras clave"
    r"|palavras[- ]chave|mots[- ]cl[eé]f?s|parole chiave|słowa kluczowe|klíčová slova|kulcsszavak"
    r"|schlüssel(?:wörter|begriffe)|schlagwörter"
)

# notices of a missing abstract, of a sign-in, or of cookies
ELSEWHERE = re.compile(
    r"^\W*(?:(?:暂无|本文无|没有|無|无)摘要|摘要(?:暂缺|不可用)"
    r"|(?:この論文には)?(?:抄録|要旨)(?:は|が)?(?:なし|ありません|登録されて)"
    r"|초록이? ?없|аннотация (?:отсутствует|недоступна)|нет аннотации|keine? (?:abstract|zusammenfassung)\b"
    r"|ei tiivistelmää|không có tóm tắt|ไม่มีบทคัดย่อ|لا يوجد ملخص|אין תקציר|δεν υπάρχει περίληψη"
    r"|请(?:先|您)?(?:登录|注册|启用|开启|输入验证码|订阅|购买)"
    r"|請(?:先|您)?(?:登入|註冊|啟用|輸入驗證碼)|您的浏览器|您需要登录"
    r"|ログイン(?:して|が必要)|javascript(?:を有効|が無効)|로그인(?:이 필요|해|하)|войдите|авторизуйтесь"
    r"|bitte (?:melden|aktivieren|loggen)|kirjaudu|vui lòng đăng nhập|กรุณาเข้าสู่ระบบ|يرجى تسجيل"
    r"|יש להתחבר)"
    r"|(?:使用|利用|verwende|nutz|использу|utili[zs]|usa\b|käytt|χρησιμοποι"
    r"|[تن]ستخدم|ใช้|사용|sử dụng|उपयोग|משתמש)"
    r".{0,40}(?:cookie|クッキー|eväste|куки|คุกกี้|쿠키|ملفات تعريف|עוגיות|कुकी)"
    r"|(?:cookie|クッキー|쿠키|कुकी).{0,30}(?:使用|利用|사용|उपयोग)",
    re.IGNORECASE,
)

# letters of a language, or of a script that several share; kana first, as Japanese uses Chinese too
_SCRIPTS = {
    "ja": "\u3040-\u30ff",
    "zh": "\u3400-\u9fff\uf900-\ufaff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "cyrillic": "\u0400-\u04ff",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "arabic": "\u0600-\u06ff",
    "hebrew": "\u0590-\u05ff",
    "hindi": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
}
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
# the most frequent function words: every sentence has some
_SMALL = {
    "en": "the of and in to is that for with as by are on we this from be which was were an at it not"
    " have has can our these between their using how what its or but",
    "de": "der die das und den von zu mit sich des auf für ist im dem nicht ein eine einer eines als"
    " auch werden aus wird bei wurde sind oder zur zum nach wir über durch sie dass aber wie",
    "fr": "le la les de des et en du un une est que dans pour par sur avec qui au aux ce ces sont nous"
    " cette ont être d l plus chez il ils elle leur mais ou",
    "es": "el la los las de del y en que un una por con se para es al lo como más son su sus este esta"
    " entre fue ha sobre",
    "pt": "o a os as de do da dos das e em que um uma por com se para é ao no na nos nas como mais são"
    " foi este esta entre sobre não",
    "it": "il la le di e che in un una per con del della dei delle è sono si al nel nella gli lo i da"
    " come più questo questa sulla",
    "ca": "el la els les i de del amb per que una és dels al en un aquest aquesta",
    "nl": "de het een van en in is dat op te voor met zijn die aan niet er om door als bij worden wordt"
    " ook deze",
    "pl": "i w na z do się jest że oraz nie dla przez o od po są jako ze które który",
    "cs": "a v na je se z do pro že s jsou o byl byla k při jako které která",
    "sv": "och i att det som en på är av för med den till inte om ett har de",
    "da": "og i at det som en på er af for med den til ikke om et har de",
    "fi": "ja on ei että oli myös sekä tai ovat joka mutta sen kuin",
    "tr": "ve bir bu ile için olarak da de olan çalışmada çok olduğu",
    "id": "yang dan di dengan untuk pada ini dari dalam adalah tidak oleh",
    "ro": "și în de la cu pe a care este din pentru sunt al ale",
    "hu": "a az és hogy nem is egy volt ezt meg",
    "cyrillic ru": "и в на с по для что не из при как от это были",
    "cyrillic uk": "і в на з та для що не до як у за це були",
}
_SMALL_WORDS = {name: frozenset(said.split()) for name, said in _SMALL.items()}
_QUOTED = re.compile('[„“«"][^„“”«»"]{60,400}[“”»"]')
_DIVIDED = re.compile(
    r"(?<=[.!?]) (?:/{1,3}|\|{1,3}|\*{3,9}|[_=—-]{3,9}) (?=[A-ZÀ-ÝА-Я\u0370-\u9fff])"
)
# the keywords of the other language, and this one's word for "abstract"
_BEFORE = re.compile(
    rf"^(?:\W*(?:{KEYWORDS}|key ?words)\b.{{0,300}}?[.;)] ?)?\W*(?:abstract|summary|{ABSTRACT})"
    r"(?: ?[:：.—–|\]】-]+ ?| (?=(?-i:[A-ZÀ-Ý]))|(?=[^\x00-\u024f]))",
    re.IGNORECASE,
)


def language_of(text: str) -> str:
    """The language of a text, or the script if several share it; empty if unknown.

    Letters and function words decide; a sentence is enough. The purpose is to tell the abstracts on
    one page apart, so not every language is known.
    """
    text = text[:4000].lower()
    letters = sum(map(str.isalpha, text))
    found = "" if text.isascii() else _script_of(text, letters)
    if found not in ("", "cyrillic"):
        return found
    words = re.findall(r"[^\W\d_]{2,}", text)  # a letter by itself may be a variable
    among = {
        one: small
        for one, small in _SMALL_WORDS.items()
        if one.startswith("cyrillic") == bool(found)
    }
    hits = sorted(
        ((sum(word in small for word in words), one) for one, small in among.items()), reverse=True
    )
    (most, best), (second, _) = hits[:2]
    return best if most > second and most >= 0.1 * len(words) else found


def _script_of(text: str, letters: int) -> str:
    for name, form in _LETTERS.items():
        least = 0.1 if name == "ja" else 0.3
        if (count := len(form.findall(text))) and count >= least * letters:
            return name
    return ""


def by_language(text: str) -> list[tuple[str, str]]:
    """Split a text that says the same in several languages: (language, text) of each part.

    A text in one language is one part. A quotation or a title in another language is no part.
    """
    whole = flat(text)
    text, end, places = _DIVIDED.sub(" ", whole), 0, []
    for sentence in sentences(text):
        places.append(end)
        end = text.find(sentence, end) + len(sentence)
    names = _named([text[at:end] for at, end in pairwise([*places, len(text)])])
    said = list(zip(names, places, strict=True))
    starts = [next(group) for _, group in groupby(said, key=lambda pair: pair[0])]
    ends = [start for _, start in [*starts[1:], ("", len(text))]][: len(starts)]
    parts = [(name, text[at:end].strip()) for (name, at), end in zip(starts, ends, strict=True)]
    apart = len(parts) > 1 and len({name for name, _ in parts}) == len(parts)
    if not apart or any(_is_little(part) or language_of(part) != name for name, part in parts):
        return [(language_of(whole), whole)]
    return [(name, _BEFORE.sub("", part)) for name, part in parts]


def _named(parts: list[str]) -> list[str]:
    """The language of each sentence; if unknown, that of the neighbour with more shared words."""
    names = [language_of(part) if len(part) > 25 or is_spaceless(part) else "" for part in parts]
    # a script is not enough where its language is known
    names = ["" if name == "cyrillic" and "cyrillic ru" in names else name for name in names]
    words = {name: set[str]() for name in names}
    for name, part in zip(names, parts, strict=True):
        words[name] |= stems(part)
    for place, name in enumerate(names):
        if not name:
            before = names[place - 1] if place else ""
            after = next(filter(None, names[place:]), before)
            mine = stems(parts[place])
            is_after = not before or len(mine & words[after]) > len(mine & words[before])
            names[place] = after if is_after else before
    return names


def _is_little(text: str) -> bool:
    """Whether a part is too short for an abstract of its own, or has a quotation."""
    if _QUOTED.search(text):
        return True
    return len(text) < (40 if is_spaceless(text) else 120 if text.isascii() else 80)


def language_among(texts: list[tuple[str, str]], title: str, declared: str = "") -> str:
    """The language to choose if the texts are in several: the title's; else empty.

    Args:
        texts: (language, text) of each.
        title: If it is too short for its language to be known, shared words decide.
        declared: The code that the page declares (``en``), if the title does not decide.
    """
    among = list(dict.fromkeys(language for language, _ in texts if language))
    if len(among) < 2:
        return ""
    said = language_of(title)
    if said in among:
        return said
    mine, shared = stems(title), dict.fromkeys(among, 0)
    for language, text in texts:
        if language:
            shared[language] = max(shared[language], len(mine & stems(text)))
    best = max(among, key=lambda one: shared[one])
    if shared[best] and sum(count == shared[best] for count in shared.values()) == 1:
        return best
    return declared if declared in among else among[0]


def stems(text: str) -> set[str]:
    """The beginnings of a text's longer words, by which it is compared with a title."""
    found = {gram for gram, _ in grams(text)}
    for word in WORD.findall(BETWEEN.sub(" ", text.lower())):
        if "\uac00" <= word[0] <= "\ud7af":
            found.add(word[:2])  # Korean particles are attached to words
        elif len(word) >= 4:
            found.add(word[: 6 if word.isascii() else 4])
    return found
