"""Find the installed browser, without a library and without loading a page."""

import os
import re
import shutil
import subprocess


def find_browser() -> str | None:
    """Chromium's path: as in ``PAPERTUNE_CHROMIUM``, else found on ``PATH``; None if not found."""
    named = os.environ.get("PAPERTUNE_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome") if named is None else (named,)
    return next(filter(None, map(shutil.which, names)), None)


def browser_version() -> str:
    """Name and version of the browser that pages are rendered with; empty if there is none."""
    if not (binary := find_browser()):
        return ""
    try:
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return "of an unknown version"
    name = re.search(r"(?:Google )?Chrom(?:e|ium)", said)
    number = next((word for word in said.split() if re.fullmatch(r"[\d.]+", word)), "")
    return f"{name[0]} {number}" if name and number else "of an unknown version"
