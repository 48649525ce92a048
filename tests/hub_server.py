"""The part of the Hub's API that is used, spoken by a server on loopback."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from loopback import Answer, Handler, Loopback

REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".parquet")  # as the Hub's own .gitattributes say, whatever the size


class Hub:
    """Takes what is pushed, large files by LFS, and gives it to who has the token."""

    def __init__(self, token: str) -> None:
        self.token, self.site = token, Loopback()
        self.files: dict[str, dict[str, bytes]] = {}
        self.public: set[str] = set()
        self.large: dict[str, bytes] = {}  # SHA-256 → content
        self.commits: list[tuple[str, list[str]]] = []  # repository, paths
        self.before: Callable[[bytes], object] = len  # is called with a large file that comes

    def __call__(self, handler: Handler) -> Answer:
        path, body = handler.asked.path, handler.asked.body
        if path.startswith("/lfs/"):  # its address is the key
            return self._keep(path.rpartition("/")[2], body)
        if handler.asked.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"X-Error-Code": "RepoNotFound"}, {"error": "whose is it?"}
        name = "/".join(re.sub("^/(?:api/)?(?:datasets/|models/)?", "", path).split("/")[:2])
        if path == "/api/repos/create":
            return self._make(json.loads(body))
        if "/preupload/" in path:
            return 200, {}, {"files": [self._mode(name, one) for one in json.loads(body)["files"]]}
        if path.endswith("/info/lfs/objects/batch"):
            asked = json.loads(body)["objects"]
            return 200, {}, {"transfer": "basic", "objects": [self._upload(one) for one in asked]}
        if "/commit/" in path:
            return self._commit(name, [*map(json.loads, body.splitlines())])
        if path == "/api/validate-yaml":
            return 200, {}, {"errors": [], "warnings": []}
        handler.path = re.sub("/main(?=/|$)", f"/{REVISION}", handler.path)
        if re.fullmatch("/api/[^/]+/[^/]+/[^/]+", path):
            handler.path += f"/revision/{REVISION}"
        answer = hub_answer(handler, self.files)
        if name in self.files and isinstance(answer, tuple) and isinstance(answer[2], dict):
            answer[2]["private"] = name not in self.public
        return answer

    def _make(self, given: dict[str, Any]) -> Answer:
        assert given.get("private") or given.get("visibility") == "private", given
        name = f"{given['organization']}/{given['name']}"
        there = name in self.files
        self.files.setdefault(name, {})
        return 409 if there else 200, {}, {"url": self.site.url(f"/{name}"), "name": name}

    def _mode(self, name: str, one: dict[str, Any]) -> dict[str, Any]:
        large = one["path"].endswith(LARGE)
        known, oid = self.files[name].get(one["path"]), None
        if known is not None:
            blob = hashlib.sha1(b"blob %d\0" % len(known) + known).hexdigest()
            oid = hashlib.sha256(known).hexdigest() if large else blob
        mode = "lfs" if large else "regular"
        return {"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    def _upload(self, one: dict[str, Any]) -> dict[str, Any]:
        if one["oid"] in self.large:
            return one
        return one | {"actions": {"upload": {"href": self.site.url(f"/lfs/{one['oid']}")}}}

    def _keep(self, oid: str, body: bytes) -> Answer:
        self.before(body)
        assert hashlib.sha256(body).hexdigest() == oid and oid not in self.large
        self.large[oid] = body
        return 200, {}, ""

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> Answer:
        given = {one["value"]["path"]: one["value"] for one in lines if one["key"] != "header"}
        for path, value in given.items():
            assert ("oid" in value) is path.endswith(LARGE)
            content = value.get("content", "")
            self.files[name][path] = (
                self.large[value["oid"]] if "oid" in value else base64.b64decode(content)
            )
        self.commits.append((name, sorted(given)))
        url = self.site.url(f"/{name}/commit/1")
        return 200, {}, {"commitUrl": url, "commitOid": "1" * 40, "hookOutput": ""}


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
