"""Convert a GGUF file to a model folder: safetensors, tokenizer, template, licence and origin.

The header of an untrusted file is first parsed in a child process with limits. transformers then
reads its tensors one by one; they are written in float32, which represents every dequantized value
exactly (files with half precision only are written in that).
"""

import json
import logging
import os
import shutil
import tempfile
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from papertune.errors import PapertuneError
from papertune.examples.tokens import start_tokens
from papertune.files import atomic_write
from papertune.jobs import stopping
from papertune.jobs.apart import Readers, Unread
from papertune.models.beginning import save_tokenizer
from papertune.models.examination import check_base, settings_in
from papertune.models.families import FACTORS, OTHER, begins, ends, set_cuts, set_places
from papertune.models.gguf import FULL, GgufError, Header, examine, read_header
from papertune.models.licences import MADE_FROM
from papertune.models.loading import OFFLINE, load_tokenizer, set_up_torch
from papertune.models.modelcard import block, text
from papertune.models.modelfolder import model_folder, write_json
from papertune.models.packages import licences_in
from papertune.models.sources import licence_of_source, notice, source_of
from papertune.owned import anybodys, file_mode, set_mode
from papertune.study import versions
from papertune.study.settings import Base

log = logging.getLogger(__name__)

BLOCK = 1 << 20
F32, F16, BF16 = 0, 1, 30  # ggml's type numbers


def convert_base(base: Base, output: Path) -> None:
    """Make the model folder of a ``gguf`` or ``package`` base.

    Raises:
        PapertuneError: the source is missing, damaged, or not a language model that transformers
            can read from GGUF.
    """
    source = source_of(base)
    with model_folder(output) as folder:
        steps = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}.source-"))
        try:
            digest = _bring(source.pieces, whole := steps / "model.gguf")
            header = _examined(whole)
            licence = licence_of_source(base, header.metadata)
            log.info("%s: %s", output.parent.name, notice(licence))
            for file, path in licences_in(base.package) if base.package else ():
                shutil.copyfile(path, folder / file)
            set_up_torch(1)
            _write_model(steps, header, folder)
            _write_tokenizer(steps, header, folder)
        except GgufError as error:
            file = str(source.pieces[0][0])
            raise GgufError(error.what, where=file, hint=error.hint) from None
        finally:
            shutil.rmtree(steps, ignore_errors=True)
        made = source.told | {
            "sha256": digest, "bytes": header.size, "converter": versions.CONVERT,
            "versions": {name: version(name) for name in ("gguf", "transformers")},
            "licence": licence,
        }  # fmt: skip
        write_json(folder / MADE_FROM, made)
        _write_card(folder, header, made)
        check_base(folder)
        for path in folder.iterdir():
            set_mode(path, file_mode(path))  # safetensors makes files that only the owner can read


def _bring(pieces: list[tuple[Path, str]], whole: Path) -> str:
    """Link or join a file's parts under a name for transformers; returns SHA-256 of the whole."""
    total = sha256()
    joined = whole.open("wb") if len(pieces) > 1 else None
    for path, known in pieces:
        one = sha256()
        with open(os.path.realpath(path), "rb", opener=anybodys) as stream:
            while block := stream.read(BLOCK):
                stopping.check()
                one.update(block)
                total.update(block)
                if joined:
                    joined.write(block)
        if known and one.hexdigest() != known:
            raise PapertuneError(
                "the file differs from the one that was installed (SHA-256)",
                where=str(path),
                hint="install its package again, with pip's --force-reinstall",
            )
    if joined:
        joined.close()
    else:
        whole.symlink_to(os.path.realpath(pieces[0][0]))
    return total.hexdigest()


def _examined(whole: Path) -> Header:
    """The header of a file that passed the child's checks and has a supported architecture."""
    try:
        with Readers() as readers:
            wrong = readers.read(examine, str(whole))
    except Unread as error:
        raise GgufError(error.what, hint=FULL) from None
    if wrong:
        raise GgufError(wrong[0], hint=wrong[1])
    header = read_header(whole, "tokenizer.ggml.tokens")
    kind = header.architecture
    if kind.startswith("t5"):
        raise GgufError("the file has an encoder-decoder, and models here are decoders", hint=OTHER)
    if kind not in _known():
        raise GgufError(f"models of the architecture {kind!r} cannot be read from GGUF", hint=OTHER)
    return header


def _known() -> set[str]:
    """The architectures that transformers can read from GGUF."""
    from transformers.integrations.gguf.gguf_config_mapping import GGUF_CONFIG_ARCHS
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    return {*GGUF_CONFIG_ARCHS, *GGUF_SUPPORTED_ARCHITECTURES}


def _write_model(steps: Path, header: Header, folder: Path) -> None:
    """Write weights and configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, modeling_gguf_pytorch_utils
    from transformers.utils.logging import tqdm

    modeling_gguf_pytorch_utils.tqdm = tqdm  # the progress bar that set_up_torch has disabled
    kinds = {tensor.kind for tensor in header.tensors.values() if len(tensor.shape) > 1}
    dtype = {F16: torch.float16, BF16: torch.bfloat16}.get(*kinds) if len(kinds) == 1 else None
    with stopping.at_once():
        model, told = AutoModelForCausalLM.from_pretrained(
            steps, gguf_file="model.gguf", dtype=dtype or torch.float32, output_loading_info=True,
            **OFFLINE,
        )  # fmt: skip
    if lost := sorted(told["missing_keys"]):
        what = f"{len(lost)} weights of the model are not in the file: {lost[0]}"
        raise GgufError(what, hint=FULL)
    said = model.config.to_dict()
    for name in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        said.pop(name, None)
    byte_level = header.metadata.get("tokenizer.ggml.model") == "gpt2"
    if byte_level and "tokenizer.ggml.bos_token_id" not in header.metadata:
        said["bos_token_id"] = None  # the family's default is from another vocabulary
    config = AutoConfig.for_model(**said)
    set_places(config, header, _passed_over(steps / "model.gguf", header, model))
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    plain.load_state_dict(model.state_dict(), assign=True)
    plain.tie_weights()
    plain.generation_config = model.generation_config
    plain.generation_config.eos_token_id = ends(header)
    plain.save_pretrained(folder)


def _passed_over(file: Path, header: Header, model: Any) -> Any:
    """The RoPE frequency factors, which transformers ignores; None if the file has none.

    Raises:
        GgufError: transformers ignores other tensors, too.
    """
    import torch
    from gguf import GGUFReader
    from transformers.integrations.gguf.gguf_conversion_mapping import GGUF_ARCHS
    from transformers.modeling_gguf_pytorch_utils import (
        TENSOR_PROCESSORS,
        TensorProcessor,
        get_gguf_hf_weights_map,
    )

    kind = header.architecture
    if kind not in GGUF_ARCHS:  # for these, transformers reports them as unexpected
        processor = TENSOR_PROCESSORS.get(kind, TensorProcessor)(config=model.config.to_dict())
        read = get_gguf_hf_weights_map(model, processor)
        if left := sorted({*header.tensors} - {*read, FACTORS}):
            what = f"{len(left)} weights of the file have no place in a {kind}: {left[0]}"
            raise GgufError(what, hint=OTHER)
    if FACTORS not in header.tensors:
        return None
    found = next(one for one in GGUFReader(file).tensors if one.name == FACTORS)
    return torch.tensor(found.data, dtype=torch.float32)


def _write_tokenizer(steps: Path, header: Header, folder: Path) -> None:
    """Write the tokenizer, with the beginning token if the model needs it."""
    from transformers import AutoTokenizer

    with stopping.at_once():
        tokenizer = AutoTokenizer.from_pretrained(steps, gguf_file="model.gguf", **OFFLINE)
    set_cuts(tokenizer, header)
    tokenizer.save_pretrained(folder)
    path, first = folder / "tokenizer_config.json", begins(header)
    said = {k: v for k, v in settings_in(path).items() if k not in ("is_local", "local_files_only")}
    with atomic_write(path) as stream:
        json.dump(said | {"add_bos_token": first}, stream, indent=2, ensure_ascii=False)
    whole = load_tokenizer(folder)
    save_tokenizer(whole, folder)
    if not whole.beginning:  # otherwise it has been logged already
        log.info("texts %s with a token", "begin" if start_tokens(whole) else "do not begin")


def _write_card(folder: Path, header: Header, made: dict[str, Any]) -> None:
    """Write a README.md in the Hub's form; cards of trained models repeat its licence."""
    from huggingface_hub import ModelCardData

    name = str(header.metadata.get("general.name", "")) or folder.name
    front = ModelCardData(license=made["licence"]["name"] or None, library_name="transformers")
    record = block(json.dumps(made, indent=1, ensure_ascii=False), "json")
    with atomic_write(folder / "README.md") as stream:
        stream.write(
            f"---\n{front.to_yaml()}\n---\n\n# {text(name)}\n\nMade by Papertune from:\n\n{record}\n"
        )
