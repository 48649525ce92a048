"""Hints for a page that cannot be fetched and that all others depend on: a listing."""

from papertune.collect.web.transport import PageError

_ADDRESS = "open it in a browser: the address in the experiment is probably wrong or outdated"
_REFUSED = (
    "the site restricts access: run from a network that has it (your library's), or give titles "
    "and abstracts as a file (source kind: files)"
)
_LATER = "the fault is the site's: run again later; fetched pages are kept"
_NETWORK = (
    "check that this machine has internet (compute nodes often have none; https_proxy names a "
    "proxy) and that the host's name is right, then run again"
)
BY_REASON = {
    "http_401": _REFUSED,
    "http_402": _REFUSED,
    "http_403": _REFUSED,
    "http_451": _REFUSED,
    "timeout": "run again later, or raise fetching.timeout for a site that is slow",
    "bad_url": "give the whole url, beginning with https://",
    "redirects": _ADDRESS,
    "not_html": "name the page that lists the papers, not a file",
    "robots_unreachable": _LATER,
    "site_fails": _LATER,
    "bad_answer": "open it in a browser: it must be an answer of that service",
}


def advice(error: PageError) -> str:
    """The hint for a page that could not be fetched."""
    if error.hint:
        return error.hint
    if error.reason == "connection":
        if "CERTIFICATE_VERIFY_FAILED" in error.what:
            return (
                "its certificate is not trusted here: if your network has its own, name its file "
                "in REQUESTS_CA_BUNDLE"
            )
        return _NETWORK
    known = _LATER if error.reason.startswith("http_5") else _ADDRESS
    return BY_REASON.get(error.reason, known)
