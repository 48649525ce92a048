"""Recognise placeholders for missing values: ``N/A``, ``nan``, ``-``, "No abstract available."."""

import re

_LONGEST = 200  # characters; a longer text is no placeholder
_AROUND = " \t\r\n\"'“”‘’«»„*_|"
_BRACKETS = ("[]", "()", "<>", "{}", "【】", "（）", "〔〕", "［］", "「」", "〈〉")

# whole cells, as written by programs (pandas, R, SQL, Excel) and people
_UNKNOWN = re.compile(
    r"nan|(?-i:NaT|NA)|null|nil|\\n|undefined|#n/?a|n[./\\] ?a\.?|n\.a\.|#(?:null|div/0|value|ref|name|num"
    r"|spill|calc|field|blocked|connect|unknown|getting_data|wert|zahl|bezug|nv|valeur|nom|nombre)[!?]?"
    r"|tb[acd]|t\.b\.[acd]\.|to be (?:announced|confirmed|determined)|(?:currently )?not available"
    r"|k\. ?a\.|keine angaben?|nicht (?:verfügbar|vorhanden|angegeben)|non (?:disponible|disponibile)"
    r"|no disponible|não disponível|нет данных|н/д|(?:暂|暫)(?:无|無|缺)|[-‐-―−.…\s]+",
    re.IGNORECASE,
)
# more of them; these are no placeholders in an answer
_NONE = re.compile(
    r"\d+|none|no|na|missing|empty|unavailable|unknown|nada|(?:coming|available) soon|non renseigné"
    r"|not (?:applicable|provided|specified|given|known|supplied)|[-‐-―−_.…·?？/\\*~=。、\s]+"
    r"|keine?|aucune?|ninguno|brak|нет|无|無|没有|沒有|なし|無し|없음|해당 ?없음",
    re.IGNORECASE,
)
_WHAT = (
    r"(?:abstracts?|abstrakt\w{0,4}|summary|description|résumé|resumen|resumo|riassunto|zusammenfassung"
    r"|kurzfassung|kurzbeschreibung|beschreibung|samenvatting|streszczeni[ea]|sammanfattning|sammendrag"
    r"|resumé|tiivistelmä\w{0,4}|özet|öz|аннотаци[яи]|реферата?|резюме|анотаці[яї]|abstrak|rezumat\w{0,4}"
    r"|souhrn|sažetak|összefoglaló|περίληψη|ملخص|چکیده|תקציר|สรุป|บทคัดย่อ|tóm tắt)"
)
_THERE = (
    r"(?:available|provided|found|given|supplied|prepared|present|listed|recorded|included|entered|exists?"
    r"|yet|here|online|in english|at present|at this time|currently|"
    r"verfügbar|vorhanden|angegeben|hinterlegt|disponible|disponível|disponibile|fourni|beschikbaar"
    r"|tillgänglig\w{0,4}|tilgjengelig|dostępn\w{1,4}|mevcut|bulunmuyor|доступн\w{1,4}"
    r"|(?:for|of) this \w{1,20}|to display)"
)
_OF_IT = r"(?: (?:of|for) this \w{1,20})?"
_NOTICE = re.compile(
    rf"(?:sorry,? )?(?:there (?:is|was) |this (?:article|paper|item|record|document|publication|entry)"
    rf" (?:has|contains|does not have|doesn't have|includes) )?(?:no|any|an|without|keine?|pas de|aucun"
    rf"|sans|sin|sem|senza|nessun|no hay|geen|ingen|inget|brak|bez|нет|ei|δεν υπάρχει|لا يوجد|אין|không có"
    rf"|ไม่มี) {_WHAT}(?: (?:text|content))?(?:,? (?:is |was |has been )?{_THERE})*"
    rf"|(?:the |an? |this |full )?{_WHAT}(?: (?:text|content))?{_OF_IT}(?: is| was| has| will be|:)?"
    r"(?: (?:currently|temporarily))? ?(?:not?|un|non|nicht|não|ikke|inte|niet|не|mis|in)\W?"
    rf"(?:yet |been |be )?(?:{_THERE}|sing)(?: {_THERE})*"
    rf"|(?:the )?{_WHAT}{_OF_IT}(?::| (?:to follow|follows|will follow|pending|forthcoming|yok"
    rf"|отсутствует|ندارد|will be (?:available|added|provided)(?: (?:soon|later))?|withheld)"
    r"|:? (?:n/a|none|null|nan|-))?"
    rf"|{_WHAT} (?:fehlt|yok(?:tur)?|bulunmamaktadır|mancante|manquant)"
    r"|(?:本文|该文|此文)?(?:暂|暫|尚)?(?:无|無|没有|沒有|缺)(?:中文|英文|内容)?(?:摘\s?要|提要|简介|文摘|數據|数据)(?:信息|内容)?"
    r"|摘\s?要(?:[:：])?(?:暂缺|暂无|暫無|不可用|缺失|无|無)?"
    r"|(?:この論文には)?(?:抄録|要旨|要約|概要|アブストラクト)(?:は|が)?(?:なし|無し|ありません|登録されて(?:い)?ません)?"
    r"|(?:국문\s?)?(?:초록|요약)(?:이|은)? ?(?:없음|없습니다|미등록)"
    r"|(?:please )?see (?:the )?(?:article|paper|pdf|full ?text|attached(?: \w{1,20})?)"
    r"(?: for (?:details|abstract))?"
    # other values of the field in repositories: HAL's audience, a review status
    r"|(?:international|national|inter|non spécifiée|popular) audience|peer[- ]?reviewed"
    r"|(?:published|submitted) version",
    re.IGNORECASE,
)
# notices of a withdrawal or a correction, and the paper's first words in place of an abstract
_INSTEAD = re.compile(
    r"\W*(?:in lieu of an abstract"
    r"|this (?:paper|article|submission|manuscript|preprint|chapter) (?:has been|was|is) (?:\w+ )?"
    r"(?:withdrawn|retracted)\b(?! from)"
    r"|the (?:publisher|authors?|editors?(?:-in-chief)?|journal) regrets? (?:that|to|an?|the)\b"
    r"|(?:in )?the (?:\w+ ){0,2}version of this (?:article|paper|chapter)\b.{0,60}"
    r"\b(?:error|mistake|incorrect|wrong|correct|omit|revis|published,? )"
    r"|(?:the|this) article\b[^.]{0,80}\b(?:initially|originally|inadvertently) published with"
    r"|(?:(?:author|publisher) )?(?:correction|erratum|corrigendum|retraction(?: note)?) to:"
    r"|this corrects the article\b)",
    re.IGNORECASE,
)
_UNTITLED = re.compile(
    r"none|untitled|no title(?: (?:available|provided|given|found))?|title not available|ohne titel"
    r"|kein titel|sans titre|sin título|sem título|[?？]+|без названия|无标题|無題|제목 ?없음",
    re.IGNORECASE,
)


def is_missing(text: str) -> bool:
    """Whether a value is empty or a placeholder for an unknown one.

    The word ``None`` is no placeholder here: it may be an answer.
    """
    return _fits(_UNKNOWN, text)


def is_no_text(text: str) -> bool:
    """Whether an abstract is empty or only says that there is none."""
    return _fits(_UNKNOWN, text) or _fits(_NONE, text) or _fits(_NOTICE, text)


def is_instead(text: str) -> bool:
    """Whether a text is a notice about the paper, or its beginning, in place of an abstract."""
    return _INSTEAD.match(text) is not None


def is_no_title(text: str) -> bool:
    """Whether a title is empty or only says that there is none."""
    return _fits(_UNKNOWN, text) or _fits(_UNTITLED, text)


def _fits(words: re.Pattern[str], text: str) -> bool:
    if len(text) > _LONGEST:
        return False
    said = " ".join(text.split()).strip(_AROUND)
    for _ in range(3):
        if not said or words.fullmatch(said):
            return True
        bare = said.rstrip(".!。！ ").strip(_AROUND)
        if len(bare) > 1 and bare[0] + bare[-1] in _BRACKETS:
            bare = bare[1:-1].strip(_AROUND)
        if bare == said:
            return False
        said = bare
    return not said or words.fullmatch(said) is not None
