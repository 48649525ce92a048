"""What to do where a page does not come that all others depend on: a listing's."""

from papertune.collect.web.transport import PageError

_ADDRESS = "open it in a browser: the address in the experiment is most often wrong or old"
_REFUSED = (
    "the site does not give it to everybody or to programs: ask from a network that may (your "
    "library's), or give titles and abstracts as a file (source kind: files)"
)
_LATER = "that is the site's fault: run again later; pages that came are kept"
_NETWORK = (
    "see that there is internet here (compute nodes often have none; a proxy is named in https_proxy) "
    "and that the host's name is right, then run again"
)
BY_REASON = {
    "http_401": _REFUSED,
    "http_402": _REFUSED,
    "http_403": _REFUSED,
    "http_451": _REFUSED,
    "timeout": "run again later, or raise fetching.timeout for a site that is slow",
    "bad_url": "write it whole, beginning with https://",
    "redirects": _ADDRESS,
    "not_html": "name the page that lists the papers, not a file",
    "robots_unreachable": _LATER,
    "site_fails": _LATER,
    "bad_answer": "open it in a browser: it has to be the answer of that service",
}


def advice(error: PageError) -> str:
    """What to do about a page that could not be had."""
    if error.hint:
        return error.hint
    if error.reason == "connection":
        if "CERTIFICATE_VERIFY_FAILED" in error.what:
            return (
                "its certificate is not known here: where your network has one of its own, name its "
                "file in REQUESTS_CA_BUNDLE"
            )
        return _NETWORK
    known = _LATER if error.reason.startswith("http_5") else _ADDRESS
    return BY_REASON.get(error.reason, known)
