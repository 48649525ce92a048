"""A server on loopback with the part of the Hub's API that is used."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import pyarrow as pa

from loopback import Answer, Handler, Loopback

REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".parquet")  # as the Hub's own .gitattributes say, whatever the size


XET = "/cas"


def unpacked(xorb: bytes) -> Iterator[bytes]:
    """The chunks of what Xet uploads: raw, in an LZ4 frame, or so with every fourth byte together."""
    while xorb:
        size, way, length = (
            int.from_bytes(xorb[a:b], "little") for a, b in ((1, 4), (4, 5), (5, 8))
        )
        chunk, xorb = xorb[8 : 8 + size], xorb[8 + size :]
        if way:
            chunk = pa.Codec("lz4").decompress(chunk, length).to_pybytes()
        if way == 2:
            ends = [0, *accumulate((length + 3 - n) // 4 for n in range(4))]
            apart, chunk = chunk, bytearray(length)
            for n in range(4):
                chunk[n::4] = apart[ends[n] : ends[n + 1]]
        yield bytes(chunk)


class Hub:
    """Takes what is pushed, large files by LFS or Xet, and gives it to who has the token."""

    def __init__(self, token: str) -> None:
        self.token, self.site = token, Loopback()
        self.files: dict[str, dict[str, bytes]] = {}
        self.public: set[str] = set()
        self.large: dict[str, bytes] = {}  # SHA-256 → content
        self.chunks: list[bytes] = []  # of Xet
        self.xorbs: set[str] = set()
        self.shards = b""
        self.commits: list[tuple[str, list[str]]] = []  # repository, paths
        self.before: Callable[[bytes], object] = len  # is called with a large file that comes

    def __call__(self, handler: Handler) -> Answer:
        path, body = handler.asked.path, handler.asked.body
        if path.startswith("/lfs/"):  # its address is the key
            return self._keep(path.rpartition("/")[2], body)
        if path.startswith(XET):
            return self._xet(path, body)
        if "/xet-write-token/" in path:
            until = int(time.time()) + 3600
            return 200, {}, {"casUrl": self.site.url(XET), "accessToken": "one", "exp": until}
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

    def _xet(self, path: str, body: bytes) -> Answer:
        *_, kind, name = path.split("/")
        if "/xorb-grants/" in path:
            grant = {"id": "one", "method": "PUT", "url": self.site.url(f"{XET}/stored/{name}")}
            return 201, {}, grant | {"headers": {}}
        if kind == "stored":
            assert name not in self.xorbs
            self.xorbs.add(name)
            self.chunks += unpacked(body)
            return 200, {}, ""
        if name == "shards":
            self.shards += body
            return 200, {}, {"type": "result", "result": 1}
        return (200, {}, {"was_inserted": True}) if "/xorb-commits/" in path else (404, {}, {})

    def _of_chunks(self, oid: str) -> bytes:
        """The file of neighbouring chunks that has this SHA-256, which a shard names."""
        words = bytes.fromhex(oid)
        assert b"".join(words[n : n + 8][::-1] for n in range(0, 32, 8)) in self.shards
        every = range(len(self.chunks) + 1)
        made = (b"".join(self.chunks[a:b]) for a in every for b in every[a:])
        return next(one for one in made if hashlib.sha256(one).hexdigest() == oid)

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> Answer:
        given = {one["value"]["path"]: one["value"] for one in lines if one["key"] != "header"}
        for path, value in given.items():
            assert ("oid" in value) is path.endswith(LARGE)
            oid, content = value.get("oid", ""), value.get("content", "")
            large = self.large.get(oid) or self._of_chunks(oid) if oid else b""
            self.files[name][path] = large or base64.b64decode(content)
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
