"""Tell abstracts from what only takes their place: notices, citations, advertising.

Every function takes text that :func:`papertune.collect.texts.text.clean` has cleaned.
"""

import re

import regex

from papertune.collect.texts.languages import ELSEWHERE, KEYWORDS, language_of
from papertune.collect.texts.missing import is_instead, is_no_text
from papertune.collect.texts.text import letters
from papertune.sentences import is_spaceless, word_count

_MARKS = ".!?。！？｡؟۔।॥።។။"
_ENDS = re.compile(rf"[{_MARKS}][)\]\"'”’»」』）】》*†\d]*$|[$)\]”\"»」』）]$")
_WITHOUT_MARKS = regex.compile(r"[\p{Thai}\p{Lao}]$")  # scripts without full stops

_NOTICE = re.compile(
    r"^\W*(?:"
    # no abstract
    r"(?:sorry,? )?(?:the |an? |this )?(?:article |paper |full )?(?:abstracts?|summary)(?: text)? "
    r"(?:is |are |was )?(?:currently |temporarily )?(?:missing|(?:not|un)\s?-?(?:yet )?"
    r"(?:available|provided|supplied|found|present))\b"
    r"|(?:there is )?no (?:abstract|summary|description)\b|abstract (?:missing|withheld)"
    r"|n/a\b|n\.a\.$|none\.?$|not available"
    r"|this (?:article|paper|content|item|chapter|document)\b.{0,40}\b(?:has|does not have|contains)"
    r" (?:no|an) (?:abstract|summary)\b"
    r"|an abstract is not available|abstract not|in lieu of an abstract"
    # a picture of the first page instead
    r"|(?:the |click to .{0,20})?first page (?:of|preview|image|is)\b|first page$"
    r"|click (?:to|here|on)\b|(?:below is|here is|the following is) the (?:first page|beginning)"
    r"|preview of (?:the )?first page|image of (?:the )?first page"
    r"|extract\b.{0,60}\bfirst page|an extract is not available"
    # a paywall or a sign-in
    r"|to read the full[- ]?text|request (?:a|the) (?:copy|full[- ]?text|pdf)"
    r"|this is a preview of\b|you (?:do not|don't) (?:currently )?have access|access (?:to )?(?:this|the"
    r" full|full|content)\b|to (?:read|view|access) (?:this|the)\b.{0,80}\b(?:sign|log|subscri|"
    r"purchas|register|access)|(?:sign|log) ?in to\b|subscribe (?:to|now)"
    r"|(?:purchase|buy) (?:this|pdf|access|article)"
    r"|get (?:full )?access|check if you (?:have access|can access)|please (?:sign|log)\b"
    # nothing but pictures
    r"|download\s*:\s*download|image,? graphical abstract|unlabel+ed image|graphical abstract\b"
    r"|highlights\b|key ?points\b"
    # another site's page about the paper
    r"|request pdf\b|download citation\b|semantic scholar extracted view|article on .{1,200}, in"
    r"|bibliographic details|(?:view|read|explore|browse|discover|search|find) (?:all|more|over"
    r"|millions|thousands|full|research papers|articles?|papers?|\d[\d,]+)\b"
    r")",
    re.IGNORECASE,
)
_WALL = re.compile(
    r"^\W*(?:just a moment|attention required|verif(?:y|ying) (?:that )?you are|please verify"
    r"|checking your browser|enable javascript|please (?:enable|turn on) (?:javascript|cookies)"
    r"|(?:you need to enable|this (?:page|site|website|app) requires) (?:javascript|cookies)"
    r"|javascript (?:is )?(?:disabled|required|must be)|your browser\b|are you a (?:robot|human)"
    r"|access denied|request (?:blocked|rejected)|(?:your|the) (?:request|access) (?:has been|was|is)"
    r" (?:blocked|denied|limited)|too many requests|we(?:'ve| have) detected (?:unusual|that)"
    r"|our systems have detected|unusual traffic|why (?:am i|have i been)|performing security"
    r"|please (?:complete|solve|wait|stand by)|one more step|(?:page|error|document) not found"
    r"|404\b|403\b|an? (?:unexpected )?error (?:has )?occurred|something went wrong|loading(?:\W*$"
    r"|\.\.\.|…))"
    r"|unusual (?:traffic|activity) from your (?:computer|network|ip|device)"
    r"|enable javascript and cookies to continue|security check to access",
    re.IGNORECASE,
)
_COOKIES = re.compile(
    r"^(?=.*\b(?:accept|agree|consent|preferences|settings|experience|policy|partners|banner|browser)\b)"
    r"\W*(?:(?:this|our|the|these) (?:web ?)?(?:site|page|journal|platform)s?\b.{0,40}\buse[sd]? "
    r"(?:.{0,30} )?cookies|we (?:and our partners )?(?:use|and|store|value|care)\b.{0,60}\bcookies"
    r"|we (?:value|respect|care about) your privacy|cookies? (?:policy|notice|settings|preferences)"
    r"|by (?:continuing|using|clicking|browsing)\b.{0,80}\byou (?:agree|accept|consent)"
    r"|cookies (?:help us|are small|enable us) )",
    re.IGNORECASE,
)
_JOURNAL = re.compile(
    r"^(?:welcome to|about (?:this|the) (?:journal|conference)|aims (?:and|&) scope|(?:the )?official"
    r" (?:journal|publication|organ) of|published (?:\w+ )?(?:by|since|monthly|quarterly)"
    r"|.{3,100}\b(?:is|are) (?:an?|the|one of the) .{0,80}?\b(?:journals?|magazine|periodical|"
    r"publishers?|bibliograph\w+|(?:book|proceedings) series|digital librar(?:y|ies)|learned societ\w+"
    r"|professional organi[sz]ation|abstracting service|citation database)\b"
    r"|.{3,80}\bpublishes (?:.{0,60} )?(?:articles|papers|research|results|reviews|contributions)\b"
    r"|(?:the |this )?journal (?:of [\w\s,&]{3,60} )?(?:is|publishes|aims|covers|provides|was)\b"
    r"|.{0,60}\bdigital library\b)",
    re.IGNORECASE,
)
# texts in an abstract's place: maximum length, length of the beginning that is searched, pattern
_IN_ITS_PLACE = (
    (1200, 400, _WALL),
    (1500, 1500, _COOKIES),
    (600, 400, _NOTICE),
    (700, 700, _JOURNAL),
    (600, 120, ELSEWHERE),
)
SHORTEST = 20  # words, of a text of less than 40 letters
# the source of a book's summary, as library catalogues give it
_BLURB = re.compile(
    r"(?:--|—) ?(?:(?:provided by|from) )?(?:the )?(?:publisher|jacket|back cover|amazon)\b[\w' .)\]]{0,30}$",
    re.IGNORECASE,
)
_BULLETS = ("•", "●", "▪", "·", "►")
_CITATION = tuple(
    re.compile(form)
    for form in (
        r"(?i)^\(?\(?(?:19|20)\d\d\)?\.\s",
        r"(?i)\bpp?\.\s*\d+|\bpages? \d+\s*[-–]\s*\d+|\b\d+\s*\(\d+\)\s*[,:]\s*\d+"
        r"|\b\d{1,5}[-–]\d{1,5}\.?$",
        r"(?i)\bvol(?:ume)?\.?\s*\d+|\b(?:no|issue|iss)\.?\s*\d+",
        r"(?i)\bdoi(?::|\.org)|\bdoi\b\s*10\.",
        r"(?i)\bIS[BS]N\b|\bPMID\b|\barXiv:\d",
        r"(?i)\b(?:in )?proceedings of\b|\bin proc\.|\bconference on\b.{0,80}\b(?:19|20)\d\d\b",
        r"(?i)[(,.]\s*(?:19|20)\d\d\s*[).,;]|\b(?:19|20)\d\d\.?$",
        r"(?:\b[A-Z]\.[ ,;&]+){2}|\bet al\.[,;]? ?\(?(?:19|20)\d\d"
        r"|(?:\b\w++, [A-Z]\.(?:[ -]?[A-Z]\.)*+[,;&] ){2}",
    )
)
# marks of a citation or a site, which no description that is an abstract has
_NO_DESCRIPTION = re.compile(
    r"^\(\d{4}\)|\bpp?\.\s*\d+|\bVol(?:ume)?\.?\s*\d+|\bdoi(?::|\.org)|\bISBN\b|\bISSN\b"
    r"|\bProceedings of the\b.{0,200}\b(?:19|20)\d\d\.?$|\b(?:19|20)\d\d\.$"
    r"|\bcookies?\b|\bsubscri(?:be|ption)\b|all rights reserved|digital library|\bsign (?:in|up)\b"
    r"|\blog ?in\b|\bdownload\b|\bfull[- ]text access\b|official (?:site|website|home)|request pdf"
    r"|read the (?:full|latest)|free access to|\bwebsite\b|home ?page|non-?profit"
    r"|scientific, technical|delivering full text|electronic proceedings"
    r"|^\W*(?:discover|explore|browse|find|search|buy|shop|order|visit|join|learn|welcome|read|access|get"
    r"|check out|stay|take|watch|listen|view|see|request|submit|publish)\b"
    r"|\byou(?:rs?|'re|’re)?\b|\bour (?:platform|community|authors|journals?|books|collections?"
    r"|catalogue|catalog"
    r"|services?|customers|clients|readers|members|mission|company|portfolio|experts|archives?"
    r"|repository)\b"
    r"|^.{2,80}? (?:is|are) (?:an?|the|one of)\b.{0,60}?\b(?:publishers?|providers?|platforms?|portals?"
    r"|repositor"
    r"(?:y|ies)|archives?|societ(?:y|ies)|associations?|universit(?:y|ies)|institutes?|websites?"
    r"|librar(?:y|ies)"
    r"|communit(?:y|ies)|non-?profits?|charit(?:y|ies)|compan(?:y|ies)|home (?:of|for))\b",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(
    r"(?:\.\.\.|…|\[…\]|\[\.\.\.\]|\. \. \.)[\s\"'”’)]*$"
    r"|(?:(?:\.\.\.|…)\s*+|(?<!\s)\s++|)[\[(<]?\b(?:read|show|see|view|learn)"
    r" (?:more|full (?:abstract|text)|the rest)\b"
    r"\W*$|(?:\.\.\.|…)\s*[\[(]?(?:more|expand|continue(?: reading)?)[\])]?\W*$"
    r"|[\[(](?:abstract )?truncated\b.{0,30}$",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:[,;:(–—-]|\b(?:the|an?|of|and|or|to|in|on|for|with|by|from|at|as|that|which|is|are|was|were|"
    r"be|has|have|its|their|our|this|these|than|into|between|using|based|such|not|can|we|it|also))$",
    re.IGNORECASE,
)
_STUDY = re.compile(
    r"\b(?:we (?:propose|present|show|find|study|introduce|develop|describe|investigate|report|measure"
    r"|analy[sz]e|demonstrate|evaluate|prove|examine|argue|compare|discuss|conduct|design|explore|ask"
    r"|give|test|use(?! cookies)|apply|consider|derive|identify|suggest|observe|survey"
    r"|train|build|implement)\b"
    r"|(?:this|the|our) (?:paper|study|article|work|thesis|chapter|survey|research) (?:\w+ly )?(?:presents?"
    r"|proposes?|shows?|describes?|examines?|reports?|investigates?|introduces?|discusses?|aims?"
    r"|reviews?|explores?|analy[sz]es?|addresses|considers|studies|develops|provides|deals|focuses)\b"
    r"|in this (?:paper|article|work|study|letter|chapter|thesis)\b|results (?:show|suggest|indicate)"
    r"|(?:is|are|was|were) (?:proposed|presented|shown|studied|investigated|demonstrated)\b)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://|www\.|@")
_FIRST_PART = re.compile(
    r"^\W*(?:background|objectives?|purpose|aims?|introduction|context|motivation|importance|rationale)\b"
    r"[\w\s/&]{0,30}[:.]",
    re.IGNORECASE,
)
_LAST_PART = re.compile(
    r"\b(?:conclusions?|results?|findings|interpretation|discussion|significance"
    r"|summary)\b[\w\s/&]{0,30}[:.]",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"^\W*(?:key\s?-?words\b|index terms\b|©|\(c\) \d|copyright\b|keywords|doi\b|https?://|cite this"
    r"|citation\b|published\b|received\b|download|references\b|introduction\b|1\.? introduction"
    r"|related\b|recommended\b|export\b|view\b|pdf\b|authors?\b|categories and\b|ccs concepts)",
    re.IGNORECASE,
)


def is_abstract(text: str) -> bool:
    """Whether a text is prose of sufficient length, and none of what takes an abstract's place.

    Such are a notice that there is none, texts of bot challenges, cookie banners, shops or the
    journal, highlights, keywords and citations. Papers on captchas, cookies and journals exist.
    """
    words = word_count(text)
    # 40 letters of Chinese are a paragraph
    if words < 6 or (len(text) < 40 and words < SHORTEST) or text.startswith(_BULLETS):
        return False
    if is_no_text(text) or is_instead(text) or _BLURB.search(text[-60:]):
        return False
    notice = any(
        len(text) < longest and form.search(text[:head]) for longest, head, form in _IN_ITS_PLACE
    )
    return (not notice or is_study(text)) and not is_keywords(text) and not is_citation(text)


_BETWEEN_TERMS = re.compile(r" ?[,;，；、،•|｜·・/] ?| [–—-] ")
_BETWEEN_SPACELESS = re.compile(rf"{_BETWEEN_TERMS.pattern}|\s+")
_KEYWORDS_LABEL = re.compile(
    rf"^\W*(?:(?:author |article )?key\s?-?words\b(?: and phrases\b)?|{KEYWORDS}|index terms\b)",
    re.IGNORECASE,
)


def is_keywords(text: str) -> bool:
    """Whether a text is a list of terms, not sentences."""
    label = _KEYWORDS_LABEL.match(text)
    # "Keywords drive what people find. We …" is prose
    if label and not (text[label.end() :][1:2].islower() and re.search(r"[.!?]\s+[A-Z]", text)):
        return True
    ways, most = _BETWEEN_TERMS, 3
    if is_spaceless(text):  # in such scripts blanks only separate terms
        ways, most = _BETWEEN_SPACELESS, 4
        if re.search("[。！？]", text):
            return False
    parts = [part for part in ways.split(text.rstrip(". ")) if part]
    if len(parts) < 5 or re.search(r"[.!?]\s+[A-Z]", text):
        return False
    return word_count(text) / len(parts) <= most and not is_study(text)


def is_citation(text: str) -> bool:
    """Whether a text is only a citation: several marks of one in a short text."""
    if re.match(r"@\w+\s*\{|TY\s+-\s", text):
        return True
    return len(text) <= 450 and sum(bool(mark.search(text)) for mark in _CITATION) >= 3


def is_cut(text: str) -> bool:
    """Whether a text ends in an ellipsis, at a word that needs another, or where sites truncate."""
    end = text[-200:]  # searching a whole text is slow
    if _ELLIPSIS.search(end) or text.startswith(("...", "…", "[…]")):
        return True
    if _has_end(end):
        return False
    return 140 <= len(text) <= 330 or len(text) in range(490, 515) or bool(_DANGLING.search(end))


def _has_end(text: str) -> bool:
    """Whether a text ends like a sentence, or with an address."""
    last = text.rpartition(" ")[2]
    return any(form.search(text) for form in (_ENDS, _WITHOUT_MARKS)) or bool(_ADDRESS.search(last))


def is_unfinished(text: str) -> bool:
    """Whether a text of any length ends in mid-sentence; an address counts as an end."""
    return not _has_end(text) or is_cut(text)


def is_dangling(text: str) -> bool:
    """Whether a text ends in an ellipsis, or at a word that needs another."""
    return bool(_ELLIPSIS.search(text) or _DANGLING.search(text))


def without_ellipsis(text: str) -> str:
    """A text without an ellipsis at its end."""
    return _ELLIPSIS.sub("", text).rstrip()


def is_part(text: str) -> bool:
    """Whether a text with a proper end may be part of an abstract: a sentence or two, or the first
    part of a structured one.
    """
    structured = _FIRST_PART.match(text) and not _LAST_PART.search(text)
    return len(text) < 250 or bool(structured)


def is_fuller(text: str, other: str) -> bool:
    """Whether ``text`` continues ``other``: the same beginning, then more prose in its language."""
    mine, its = letters(text), letters(_ELLIPSIS.sub("", other))
    if len(mine) < len(its) + 15 or not its:
        return False
    # a truncated text may end within a word, and sites differ in the characters that they drop
    same = its[: max(len(its) - 12, 30)]
    if not mine.startswith(same):
        return False
    ends = [place for place, char in enumerate(text, start=1) if char.isalnum()]
    rest = text[next(iter(ends[len(its) - 1 :]), len(text)) :].strip()
    if len(rest) < 20 or _TAIL.match(rest):
        return False
    if is_unfinished(other):
        return True
    its_language, language = language_of(other), language_of(rest)
    return (
        (not its_language or not language or its_language == language)
        and not is_unfinished(rest)
        and not is_keywords(rest)
        and not is_citation(rest)
    )


def is_description(text: str) -> bool:
    """Whether a page's description is an abstract; most are not."""
    return (
        len(text) >= (40 if is_spaceless(text) else 120)
        and word_count(text) >= 15
        and bool(re.search(rf"[{_MARKS}][)\]\"'”’»」』）]*$", text) or _WITHOUT_MARKS.search(text))
        and is_abstract(text)
        and not is_cut(text)
        and not _NO_DESCRIPTION.search(text)
    )


def is_study(text: str) -> bool:
    """Whether a text has phrases by which papers describe themselves."""
    return len(text) > 120 and bool(_STUDY.search(text))
