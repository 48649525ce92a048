"""Servers of language models: those that run somewhere, and those that a job starts."""

import re
import shlex
from string import Template
from typing import Annotated

from pydantic import AfterValidator

from papertune.study.settings.base import Settings, added, cosmetic

# The file may come from somebody else, and says where the key is sent: not any variable's content.
KEYS = (
    "ANTHROPIC_API_KEY", "ANYSCALE_API_KEY", "AZURE_OPENAI_API_KEY", "CEREBRAS_API_KEY",
    "COHERE_API_KEY", "DEEPINFRA_API_KEY", "DEEPSEEK_API_KEY", "FIREWORKS_API_KEY",
    "GEMINI_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY", "HF_TOKEN", "LITELLM_API_KEY",
    "MISTRAL_API_KEY", "MOONSHOT_API_KEY", "NVIDIA_API_KEY", "OLLAMA_API_KEY", "OPENAI_API_KEY",
    "OPENROUTER_API_KEY", "PERPLEXITY_API_KEY", "REPLICATE_API_TOKEN", "SAMBANOVA_API_KEY",
    "TOGETHER_API_KEY", "VLLM_API_KEY", "XAI_API_KEY",
)  # fmt: skip
OWN_KEYS = "PAPERTUNE_"  # begins the names of all other variables that may hold a key
# what may stand in a command line
NAMES = ("model", "port", "name", "adapter", "dtype", "threads")


def _is_a_key(name: str) -> str:
    if name not in KEYS and not re.fullmatch(rf"{OWN_KEYS}\w+", name):
        some = "OPENAI_API_KEY, MISTRAL_API_KEY, …: config/README.md has all"
        raise ValueError(
            f"${name} is not sent to a server; take the name of a known service's key ({some}), "
            f"or put the key into a variable whose name begins with {OWN_KEYS}"
        )
    return name


def _is_a_command(line: str) -> str:
    template = Template(line)
    if not template.is_valid():
        raise ValueError("a lone $ in a command line; write $$ for a dollar sign")
    if unknown := {*template.get_identifiers()} - {*NAMES}:
        known = ", ".join(f"${name}" for name in NAMES)
        raise ValueError(f"unknown name ${min(unknown)} in a command line; names are {known}")
    try:
        shlex.split(line)
    except ValueError as error:
        raise ValueError(f"not a command line ({error})") from None
    return line


def _has_a_port(line: str) -> str:
    if line and "port" not in Template(line).get_identifiers():
        raise ValueError("the command line needs $port, where the server is to listen on loopback")
    return line


KeyVariable = Annotated[str, AfterValidator(_is_a_key)]
Words = Annotated[str, AfterValidator(_is_a_command)]
Command = Annotated[Words, AfterValidator(_has_a_port)]


class ServerSettings(Settings):
    """Which server, how it is asked, and with what key: that comes from the environment."""

    # a server may move: which model it serves does not hang on where it is
    url: str = cosmetic("", description="of an OpenAI-compatible server that runs, often to /v1")
    serve: Command = added(
        "", description="the command line of a server that the job starts, with $port and $model"
    )
    key_variable: KeyVariable = cosmetic(
        "OPENAI_API_KEY", description="name of the environment variable with the key"
    )
    concurrency: int = cosmetic(8, ge=1, description="requests at once")
    timeout: float = cosmetic(120.0, gt=0, description="seconds per request")
    retries: int = cosmetic(
        5, ge=0, description="further requests after errors that pass, with growing pauses"
    )
    start: float = cosmetic(30.0, gt=0, description="minutes in which a server has to answer")


def filled(line: str, **names: object) -> list[str]:
    """The words of a command line with its names replaced: no shell reads what stands in them."""
    return [Template(word).substitute(names) for word in shlex.split(line)]
