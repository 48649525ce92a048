"""``make live``: trackio's page of running trainings, behind the same access control as the chat.

``python -m papertune.chat.live`` serves it. Trackio's page has no access control of its own, so it
is served below the path of a token like the chat.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from papertune.chat.door import CHARTS, open_page
from papertune.errors import PapertuneError, run_command
from papertune.study.tracking import FOLDER

PLACE = f"{FOLDER}/trackio"


def application(folder: Path, token: str) -> Any:
    """Trackio's page of the runs in a folder, below the path of a token (ASGI).

    Raises:
        PapertuneError: trackio is not installed, or nothing was logged yet.
    """
    if not list(folder.glob("*.db")):
        hint = "write `tracking: trackio` into an experiment file; trainings then log to it"
        raise PapertuneError(
            "no training has logged anything to trackio", where=str(folder), hint=hint
        )
    os.environ |= {"TRACKIO_DIR": str(folder.absolute()), "HF_HUB_OFFLINE": "1"}
    try:
        from starlette.applications import Starlette
        from starlette.routing import Mount
        from trackio.server import build_starlette_app_only
        from trackio.utils import get_logo_urls
    except ImportError:
        raise PapertuneError("trackio is not installed", hint="run: make tracking") from None
    for kind, url in get_logo_urls().items():  # which know nothing of a path before them
        os.environ.setdefault(f"TRACKIO_LOGO_{kind.upper()}_URL", f"/{token}{url}")
    page, _ = build_starlette_app_only()
    return Starlette(routes=[Mount(f"/{token}", page)])


def main(arguments: list[str]) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m papertune.chat.live")
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    given = parser.parse_args(arguments)
    open_page(lambda token: application(Path(PLACE), token), given.port, CHARTS)


if __name__ == "__main__":
    run_command(main)
