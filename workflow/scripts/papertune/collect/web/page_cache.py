"""Pages on disk under the url that was asked for, so that a rerun fetches nothing twice.

Plain JSON files, written whole: requests-cache and hishel keep SQLite, which NFS does not stand,
and CacheControl keeps each hop of a redirect by itself and every challenge page.
"""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from papertune.records import atomic_write

log = logging.getLogger("papertune")


@dataclass(frozen=True, slots=True)
class Page:
    """What a url gave: the url asked for, where redirects led, media type and text."""

    url: str
    landed: str
    media: str
    text: str


class PageCache:
    """Pages on disk: ``<folder>/<2 digits>/<SHA-256 of the url>.json``."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, url: str) -> Path:
        """Where the page of a url is kept."""
        name = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
        return self.folder / name[:2] / f"{name}.json"

    def read(self, url: str) -> Page | None:
        """The page, or None where there is none or the file is not as it was written."""
        path = self.path(url)
        try:
            values = dict(json.loads(path.read_text(encoding="utf-8")))
            written = values.pop("sha256", None)  # pages of earlier versions have none
            page = Page(**values)
            if page.url != url or written not in (None, _sha256(page)):
                raise ValueError(f"it holds {page.url}, or was changed since it was written")
            return page
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            log.warning("%s: unreadable, the page is fetched again (%s)", path, error)
        return None

    def write(self, page: Page) -> None:
        """Keep a page, whole or not at all."""
        with atomic_write(self.path(page.url)) as stream:
            json.dump({**asdict(page), "sha256": _sha256(page)}, stream)

    def forget(self, url: str) -> None:
        """Keep the page of a url no more."""
        self.path(url).unlink(missing_ok=True)


def _sha256(page: Page) -> str:
    return hashlib.sha256(json.dumps(asdict(page)).encode()).hexdigest()
