"""Who asks: every request names somebody whom a site's operator can write to."""

from __future__ import annotations

import os

from papertune.errors import CollectError
from papertune.study.settings import Fetching

AGENT = "Papertune"
VERSION = "0.1"


def contact_of(fetching: Fetching) -> str:
    """``fetching.contact``, else ``$PAPERTUNE_CONTACT``."""
    return (fetching.contact or os.environ.get("PAPERTUNE_CONTACT", "")).strip()


def user_agent(contact: str) -> str:
    """``Papertune/0.1 (+contact)``."""
    return f"{AGENT}/{VERSION} (+{contact or 'loopback'})"


def check_contact(contact: str) -> None:
    """Raise CollectError where there is no contact, or none that a header can carry."""
    if not contact:
        what, to = (
            "nobody is named whom a site can write to",
            "your e-mail address or a page of you",
        )
    elif not (contact.isascii() and contact.isprintable()):
        what, to = "the contact has characters that no header can carry", "plain ASCII"
    else:
        return
    raise CollectError(
        what,
        where="fetching.contact",
        hint="set fetching.contact in the experiment or the environment variable "
        f"PAPERTUNE_CONTACT to {to}",
    )
