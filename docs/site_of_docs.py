"""Hooks of `mkdocs build` that add files from outside docs/ to the site.

Texts elsewhere in the repository, where code hosts and editors show them, become pages, and files
that pages link to are copied. So each text exists once, its links work in both places, and a broken
link fails the build.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# file of the repository → page
PAGES = {
    "README.md": "index.md",
    "config/README.md": "reference/configuration.md",
    "profiles/slurm/README.md": "how-to/slurm.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "tests/PROMISES.md": "promises-and-tests.md",
    "docs/README.md": "index.md",
}
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"(^```.*?^```)", re.M | re.S)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of :data:`PAGES` and all files that pages link to."""
    sources = {f"docs/{file.src_uri}": file for file in files.documentation_pages()}
    for source, page in PAGES.items():
        if source != "docs/README.md":
            text = (ROOT / source).read_text("utf-8")
            files.append(File.generated(config, page, content=_moved(text, source, page)))
            sources[source] = files.src_uris[page]
    for source in sources:
        for linked in _linked((ROOT / source).read_text("utf-8"), source):
            path = f"files/{linked}"
            if _is_other(linked) and path not in files.src_uris:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / linked)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite links of pages in docs/ to the targets' places on the site."""
    if page.file.generated_by:
        return markdown
    return _moved(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)


def _linked(text: str, source: str) -> list[str]:
    """The files of the repository that a text links to."""
    plain = FENCE.sub("", text)
    return [_target(link[2], source) for link in LINK.finditer(plain)]


def _target(link: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _is_other(path: str) -> bool:
    """Whether a file is neither a page nor in docs/, which are on the site anyway."""
    return path not in PAGES and not path.startswith("docs/") and (ROOT / path).is_file()


def _moved(text: str, source: str, page: str) -> str:
    """The text with its links relative to its page; code is left unchanged."""

    def moved(link: re.Match[str]) -> str:
        target = _target(link[2], source)
        if target in PAGES:
            place = PAGES[target]
        elif target.startswith("docs/"):
            place = target.removeprefix("docs/")
        elif (ROOT / target).is_file():
            place = f"files/{target}"
        else:
            return link[0]  # the build reports it as broken
        return link[1] + posixpath.relpath(place, posixpath.dirname(page) or ".") + link[3]

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(moved, part) for part in parts)
