"""Settings of language-model servers: those that run already, and those that a job starts."""

import re
import shlex
from string import Template
from typing import Annotated

from pydantic import AfterValidator

from papertune.study.settings.base import Settings, added, cosmetic

# An experiment file from elsewhere also says where a key is sent, so only these variables are read.
KEYS = (
    "ANTHROPIC_API_KEY", "ANYSCALE_API_KEY", "AZURE_OPENAI_API_KEY", "CEREBRAS_API_KEY",
    "COHERE_API_KEY", "DEEPINFRA_API_KEY", "DEEPSEEK_API_KEY", "FIREWORKS_API_KEY",
    "GEMINI_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY", "HF_TOKEN", "LITELLM_API_KEY",
    "MISTRAL_API_KEY", "MOONSHOT_API_KEY", "NVIDIA_API_KEY", "OLLAMA_API_KEY", "OPENAI_API_KEY",
    "OPENROUTER_API_KEY", "PERPLEXITY_API_KEY", "REPLICATE_API_TOKEN", "SAMBANOVA_API_KEY",
    "TOGETHER_API_KEY", "VLLM_API_KEY", "XAI_API_KEY",
)  # fmt: skip
OWN_KEYS = "PAPERTUNE_"  # prefix of all other variables that may hold a key
# names that a command line may use
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
    """A server, the limits of its requests, and the environment variable of its key."""

    # a server may move: its address does not say which model it serves
    url: str = cosmetic("", description="address of a running OpenAI-compatible server, up to /v1")
    serve: Command = added(
        "", description="the command line of a server that the job starts, with $port and $model"
    )
    key_variable: KeyVariable = cosmetic(
        "OPENAI_API_KEY", description="name of the environment variable with the key"
    )
    concurrency: int = cosmetic(8, ge=1, description="requests at once")
    timeout: float = cosmetic(120.0, gt=0, description="seconds per request")
    retries: int = cosmetic(
        5, ge=0, description="retries after transient errors, with growing pauses"
    )
    start: float = cosmetic(30.0, gt=0, description="minutes until a started server must answer")


def filled(line: str, **names: object) -> list[str]:
    """The words of a command line with its names replaced; no shell interprets the values."""
    return [Template(word).substitute(names) for word in shlex.split(line)]
