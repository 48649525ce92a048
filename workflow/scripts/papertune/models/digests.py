"""Digests of models: hashes of everything that their answers depend on."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from papertune.errors import TrainingError
from papertune.files import file_digest, file_state, read_json
from papertune.identity import digest, fingerprint
from papertune.models.licences import is_licence
from papertune.models.loading import ADAPTER, model_folder_at
from papertune.store import Store

# files of a model folder that are loaded, and files that only describe it
READ = (
    "*.safetensors", "*.json", "*.jinja", "*/*.jinja", "*.model", "*.txt", "*.tiktoken", "*.bpe",
)  # fmt: skip
NOT_READ = re.compile(r"(training|identity|made_from)\.json|readme.*", re.I)
LARGE = 2**22  # bytes from which a file's digest is cached: computing it takes 0.01 s


def weights_digest(folder: str | Path, store: str | Path | None = None) -> str:
    """SHA-256 of everything that a model's answers depend on: weights, tokenizer and settings.

    It does not depend on the folder's path or on the name of an adapter's base. A ``store`` caches
    the digests of large files, so that a job does not read unchanged ones again.

    Raises:
        TrainingError: the folder does not exist, or has no safetensors.
    """
    paths = sorted(path for kind in READ for path in Path(model_folder_at(folder)).glob(kind))
    if not any(path.suffix == ".safetensors" for path in paths):
        hint = "download or make the model again, completely"
        raise TrainingError("no safetensors weights in the folder", where=str(folder), hint=hint)
    paths = [path for path in paths if not (NOT_READ.fullmatch(path.name) or is_licence(path.name))]
    found = zip(paths, _digests(paths, store), strict=True)
    read = {path.relative_to(folder).as_posix(): sha256 for path, sha256 in found}
    if ADAPTER in read:
        try:
            settings = read_json(os.path.realpath(Path(folder, ADAPTER)))
            read[ADAPTER] = settings | {"base_model_name_or_path": ""}
        except (ValueError, TypeError) as error:
            what = f"{ADAPTER} does not have the settings of an adapter ({error})"
            raise TrainingError(what, where=str(folder), hint="make the model again") from None
    return digest(read)


def _digests(paths: Sequence[Path], store: str | Path | None) -> list[str]:
    """SHA-256 of each file, in hex."""
    if store is None:
        return list(map(file_digest, paths))
    kept, found, new = Store(store, "digests", {"version": 1}, str), [], {}
    for path in paths:
        state = file_state(path)
        key = fingerprint(state)
        found.append(kept.get(key) if key in kept else file_digest(path))
        if state[1] >= LARGE and key not in kept:
            new[key] = found[-1]
    kept.add(new)
    return found
