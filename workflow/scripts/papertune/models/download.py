"""Download models from the Hub, before any offline job needs them."""

import logging
import os
import shutil
from pathlib import Path

from papertune.errors import PapertuneError
from papertune.jobs import stopping
from papertune.jobs.keys import hub_token
from papertune.models.examination import check_base
from papertune.models.licences import licence_of
from papertune.owned import beside, give, make_folder

log = logging.getLogger(__name__)

# weights as safetensors only: pickled ones could run code
WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "LICENSE*", "README.md"]
UNWANTED = ["onnx/*", "original/*", "openvino/*", "consolidated*"]  # other forms of the weights


def download_model(model: str, revision: str, output: Path, *, base: bool = False) -> None:
    """Download one revision of a model into a folder that appears only once it is complete.

    ``model`` is ``owner/name`` on the Hub, ``revision`` the 40 hex digits of a commit. A ``base``
    is also checked for being a causal language model.

    Raises:
        PapertuneError: the Hub cannot be reached, the model is gated or unknown, has no
            safetensors weights, or cannot be a base.
    """
    from huggingface_hub import constants, errors, snapshot_download

    # kept on failure, so that downloads resume
    partial = make_folder(beside(output.with_name(f"{output.name}.partial")))
    where = f"{model} at {revision}"
    hub_token(constants.ENDPOINT)  # the library sends it
    log.info("downloading %s", where)
    try:
        with stopping.at_once():
            snapshot_download(
                model, revision=revision, local_dir=partial, allow_patterns=WANTED,
                ignore_patterns=UNWANTED,
            )  # fmt: skip
    except errors.HFValidationError:
        hint = "write owner/name, as on its page; a local folder has no revision"
        raise PapertuneError("not a name of a model on the Hub", where=where, hint=hint) from None
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, OSError) as error:
        what = f"the Hub could not be reached ({type(error).__name__})"
        hint = f"run this on a machine with internet, or put the model's files into {output}"
        if isinstance(error, errors.GatedRepoError):
            what = "the model is gated: its licence must be accepted first"
            hint = f"accept it on the page of {model}, then set HF_TOKEN in the environment"
        elif isinstance(error, errors.RevisionNotFoundError | errors.RepositoryNotFoundError):
            what = "no such model or revision on the Hub, or it is private"
            hint = "check the id and the 40 hex digits of the revision; private ones need HF_TOKEN"
        raise PapertuneError(what, where=where, hint=hint) from None
    if not any(partial.glob("*.safetensors")):
        raise PapertuneError(
            "the model has no safetensors weights, and other formats are not loaded",
            where=where,
            hint="choose a revision with safetensors, or convert the weights once by hand; a "
            "downloaded GGUF file can also be a base (gguf)",
        )
    if base:
        check_base(partial)
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    give(partial)
    os.replace(partial, output)
    log.info("downloaded into %s; licence of the weights: %s", output, licence_of(output)[0])
