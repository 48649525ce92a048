"""A server on loopback with the part of the Hub's API that is used."""

import hashlib
import json
from typing import Any

from loopback import Answer, Handler

REVISION = "0123456789abcdef0123456789abcdef01234567"


def hub_answer(handler: Handler, repositories: dict[str, dict[str, bytes]]) -> Answer:
    """What the Hub says: each repository's files under ``REVISION``, and ``owner/gated`` is gated."""
    path, _, query = handler.path.partition("?")
    parts = path.removeprefix("/api").lstrip("/").split("/")
    name = "/".join(parts[parts[0] in ("datasets", "models") :][:2])
    if name == "owner/gated":
        said = "Access to owner/gated is restricted"
        return 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": said}, b""
    if name not in repositories:
        return 404, {"X-Error-Code": "RepoNotFound"}, b""
    files = repositories[name]
    if REVISION not in path:
        return 404, {"X-Error-Code": "RevisionNotFound"}, b""
    if "/tree/" in path:
        below = path.partition(f"/tree/{REVISION}")[2].strip("/")
        return 200, {}, _tree(files, below, "recursive=true" in query.lower())
    if "/paths-info/" in path:
        wanted = json.loads(handler.asked.body)["paths"]
        return 200, {}, [_entry(file, files) for file in wanted if file in files]
    if path.startswith("/api/"):
        siblings = [{"rfilename": file} for file in files]
        said_of_it: dict[str, Any] = {"id": name, "sha": REVISION, "siblings": siblings, "tags": []}
        return 200, {}, said_of_it | dict.fromkeys(("private", "gated", "disabled"), False)
    file = path.partition(f"/resolve/{REVISION}/")[2]
    if file not in files:
        return 404, {"X-Error-Code": "EntryNotFound"}, b""
    tag = hashlib.sha256(files[file]).hexdigest()
    return 200, {"X-Repo-Commit": REVISION, "ETag": f'"{tag}"'}, files[file]


def _entry(file: str, files: dict[str, bytes]) -> dict[str, Any]:
    return {"type": "file", "path": file, "size": len(files[file]), "oid": "0" * 40}


def _tree(files: dict[str, bytes], below: str, deep: bool) -> list[dict[str, Any]]:
    first = f"{below}/" if below else ""
    found = {}
    for file in files:
        if not file.startswith(first):
            continue
        rest = file.removeprefix(first)
        if "/" in rest and not deep:
            folder = first + rest.split("/")[0]
            found[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
        else:
            found[file] = _entry(file, files)
    return list(found.values())
