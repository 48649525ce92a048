"""The ACL Anthology: its XML (with abstracts and DOIs), and the pages of a volume or an event."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from lxml.etree import XMLParser, XMLSyntaxError, _Element, fromstring

from papertune.collect.identifiers import host_of, whole_url
from papertune.collect.listings.answers import whole_number
from papertune.collect.listings.contents import begins_as
from papertune.collect.listings.listing import entry_item
from papertune.collect.listings.rows import reading
from papertune.collect.texts.text import clean, inner
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.identity import digest
from papertune.records import Document, Rejection
from papertune.study.settings.listings import AclSource, AclXmlSource

# ---- the XML ----------------------------------------------------------------------------------


def list_xml(
    session: PoliteSession, source: AclXmlSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a year in an XML file of the Anthology, with their abstracts.

    Raises:
        CollectError: the file cannot be fetched, is not the Anthology's, or has no wanted volume of
            the year.
    """
    where = source.path.replace("{year}", str(year))
    root = _root(session, where, refresh)
    collection = root.get("id", "")
    volumes = {volume.get("id", ""): volume for volume in root.iterchildren("volume")}
    wanted = {name.replace("{year}", str(year)) for name in source.volumes}
    printed = {
        name: volume.findtext("meta/year", "").strip() or year_of(f"{collection}-{name}.0")
        for name, volume in volumes.items()
        if not wanted or wanted & {name, f"{collection}-{name}"}
    }
    if str(year) not in printed.values():
        others = ", ".join(f"{name} ({said or 'no year'})" for name, said in printed.items())
        raise CollectError(
            f"no volume of {year}" + (f" but {others}" if others else ""),
            where=where,
            hint=f"the file has the volumes {', '.join(volumes) or 'none'}; see source.volumes, years",
        )
    for name in printed:
        if printed[name] == str(year):
            for paper in volumes[name].iterchildren("frontmatter", "paper"):
                yield _from_xml(paper, _id(paper, collection, name), year, source.url)


def look(source: AclXmlSource, year: int) -> None:
    """Check that a local file can be read; raises CollectError if not."""
    for path in source.files_of(year):
        if source.brought():
            with reading(path), path.open("rb"):
                pass


def _root(session: PoliteSession, where: str, refresh: bool) -> _Element:
    """The ``<collection>`` in a file, or at a url."""
    try:
        if host_of(where):
            # a page from the network has been decoded, whatever encoding its first line declares
            body = session.get(where, refresh=refresh).text.encode()
        else:
            with reading(Path(where)):
                begins_as(Path(where), "xml")
                body = Path(where).read_bytes()
        encoding = "utf-8" if host_of(where) else None
        safely = {"resolve_entities": False, "no_network": True, "remove_comments": True}
        root = fromstring(body, XMLParser(encoding=encoding, **safely))
    except XMLSyntaxError as error:
        raise CollectError(
            f"not XML ({error})",
            where=where,
            hint="name the file, not the page that shows it: "
            "https://raw.githubusercontent.com/acl-org/acl-anthology/master/data/xml/…",
        ) from None
    if root.tag != "collection" or not root.get("id"):
        raise CollectError(
            f"its root is <{root.tag}>, not <collection id=…>",
            where=where,
            hint="files of the Anthology before 2019 have another format; take a current one",
        )
    return root


def _id(paper: _Element, collection: str, volume: str) -> str:
    """The paper's id in the Anthology: from its url, else composed of the numbers."""
    named = paper.findtext("url", "").strip().rstrip("/")
    if named and not host_of(named):
        return named
    number = "0" if paper.tag == "frontmatter" else paper.get("id", "0")
    if not re.fullmatch(r"[A-Z]\d\d", collection):
        return f"{collection}-{volume}.{number}"
    # workshops have two digits of volume and two of paper, all others one and three
    workshops = collection[0] == "W" or collection == "C69"
    workshops = workshops or (collection == "D19" and (whole_number(volume) or 0) >= 5)
    width = 2 if workshops else 1
    return f"{collection}-{volume.zfill(width)}{number.zfill(4 - width)}"


def _from_xml(paper: _Element, key: str, year: int, site: str) -> Document | Rejection:
    title = clean(inner(paper.find("title")))
    for gone in paper.iterchildren("removed", "retracted"):
        note = clean(inner(gone))
        return Rejection("list", key, str(gone.tag), f"{title} ({note})" if note else title)
    if paper.tag == "frontmatter":
        return Rejection("list", key, "front_matter", title)
    text = clean(inner(paper.find("abstract")))
    url, doi = whole_url(site, f"{key}/"), paper.findtext("doi", "")
    return entry_item(key, title, year, doi=doi, url=url, text=text)


# ---- the pages --------------------------------------------------------------------------------


def list_pages(
    session: PoliteSession, source: AclSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers on the page of a volume or an event, with abstracts where the page has them.

    Without ``{year}`` in the url, papers of other years are skipped.

    Raises:
        CollectError: the page cannot be fetched, is a challenge, or lists no paper of the volumes.
    """
    url = source.url.replace("{year}", str(year))
    page = session.get(url, refresh=refresh)
    with session.reading(url):
        listed = session.readers.read(
            papers_of, page.text, page.landed, of=f"{url} {digest(page.text)}"
        )
    wanted = tuple(name.replace("{year}", str(year)) for name in source.volumes)
    if not listed:
        raise CollectError(
            "no paper of the ACL Anthology on this page",
            where=url,
            hint="open it in a browser; source.url must be a page such as https://aclanthology.org/"
            "volumes/{year}.acl-long/ or https://aclanthology.org/events/acl-{year}/",
        )
    taken = {key: paper for key, paper in listed.items() if not wanted or volume_of(key) in wanted}
    if not taken:
        there = list(dict.fromkeys(map(volume_of, listed)))
        raise CollectError(
            f"none of the volumes {', '.join(wanted)} on this page",
            where=url,
            hint=f"it has {', '.join(there[:8])}{' …' if there[8:] else ''}; see source.volumes",
        )
    for key, (title, text, place, gone) in taken.items():
        if "{year}" not in source.url and year_of(key) != str(year):
            continue
        if gone or not key.removeprefix(volume_of(key)).strip(".0"):  # paper 0 of a volume
            yield Rejection("list", key, "retracted" if gone else "front_matter", title)
            continue
        yield entry_item(key, title, year, url=place, text=text)


def papers_of(html: str, base: str) -> dict[str, tuple[str, str, str, bool]]:
    """Id → (title, abstract, url, whether retracted) of the papers on the page at url ``base``."""
    soup = BeautifulSoup(html, "lxml")
    abstracts = {str(card.get("id")): card for card in soup.select("div.abstract-collapse[id]")}
    found: dict[str, tuple[str, str, str, bool]] = {}
    for link in soup.select("strong > a[href]"):
        key = id_in(str(link.get("href")))
        if not key or key in found:
            continue
        gone = any("line-through" in str(parent.get("style")) for parent in link.parents)
        card = abstracts.get(f"abstract-{key.replace('.', '--')}")
        text = clean((card.select_one(".card-body") or card).decode_contents()) if card else ""
        place = whole_url(base, str(link.get("href")))
        found[key] = (clean(link.decode_contents()), text, place, gone)
    return found


# ---- ids --------------------------------------------------------------------------------------


def id_in(href: str) -> str:
    """The Anthology's id in a link to a paper's page, or an empty string."""
    try:
        last = urlsplit(href).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""
    known = re.fullmatch(r"\d{4}\.[a-z0-9_]+-[a-z0-9_]+\.\d+|[A-Z]\d{2}-\d{4}", last)
    return last if known else ""


def volume_of(key: str) -> str:
    """``2021.acl-long`` of ``2021.acl-long.5``; ``P18-1`` of ``P18-1001``, ``W18-01`` of W18-0101."""
    return key.rpartition(".")[0] or key[: 6 if key.startswith("W") else 5]


def year_of(key: str) -> str:
    """The year in an id, as in ``2021.acl-long.5`` or (two digits) ``P18-1001``; else empty."""
    if re.match(r"\d{4}\.", key):
        return key[:4]
    short = re.match(r"[A-Z](\d\d)-", key)
    return (f"19{short[1]}" if int(short[1]) >= 50 else f"20{short[1]}") if short else ""
