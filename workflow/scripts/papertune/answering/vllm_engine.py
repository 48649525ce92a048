"""Answering through vLLM, which has its own batches: where ``answering.engine`` says so.

vLLM is not among the requirements, needs a GPU to be worth it, and has to fit the pinned torch and
transformers. It is given tokens and gives tokens, so that prompts are cut and answers are read as
they are elsewhere.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from papertune.answering.generation import (
    Generated,
    Row,
    Sampling,
    context_of,
    end_tokens,
    read_answer,
    room_for,
    seed_of,
)
from papertune.answering.likelihood import prompt_and_completion
from papertune.errors import PapertuneError
from papertune.examples.tokens import shortened
from papertune.jobs.workers import visible_gpus
from papertune.models.loading import dtype_of, load_config
from papertune.models.quantization import quantization_of

WHERE = "answering.engine"
AT_ONCE = 16  # batches that it gets together: it makes its own, and the store is written after them
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM can be told to make room for
ENVIRONMENT = {
    # another process would run the job's script anew; in this one the schedule is the same each time
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
}


def check(model: Path, shards: int = 1) -> None:
    """Find out before anything is loaded whether vLLM can answer for a model folder.

    Args:
        model: The model folder, or that of an adapter.
        shards: Processes that answer at the same time.

    Raises:
        PapertuneError: vLLM is not installed, the adapter's base is quantised, its rank is too
            large, or several processes would share a GPU.
    """
    other = "or take engine: transformers"
    if find_spec("vllm") is None:
        raise PapertuneError(
            "vLLM is not installed",
            where=WHERE,
            hint="install it beside the pinned torch and transformers (pip install -c "
            f"requirements/constraints.txt vllm), {other}",
        )
    if quantization_of(model) is not None:
        raise PapertuneError(
            f"{model} was trained on a base in 4 bit, which vLLM quantises in its own way",
            where=WHERE,
            hint="export the model merged into its base, or take engine: transformers",
        )
    if _rank(model) > max(RANKS):
        raise PapertuneError(
            f"the adapters of {model} have rank {_rank(model)}, and vLLM takes {max(RANKS)} at most",
            where=WHERE,
            hint="export the model merged into its base, or take engine: transformers",
        )
    if shards > max(1, len(visible_gpus())):
        raise PapertuneError(
            f"{shards} processes would share a GPU, of which vLLM takes the whole memory",
            where="compute.shards",
            hint=f"give as many GPUs as shards, {other}",
        )


def engine_arguments(model: Path, base: Path | None, longest: int) -> dict[str, Any]:
    """What ``vllm.LLM`` is made with.

    Args:
        model: The model folder, or that of an adapter; then ``base`` is given.
        longest: Most tokens of a prompt with its answer, which the cache has to hold.
    """
    whole = str(base or model)
    limit = context_of(load_config(model, base=base))
    arguments = {
        "model": whole,
        "tokenizer": whole,
        "trust_remote_code": False,
        "load_format": "safetensors",
        "dtype": str(dtype_of("auto")).removeprefix("torch."),
        "max_model_len": min(longest, limit or longest),
        "seed": 0,
    }
    if rank := _rank(model):
        room = next(one for one in RANKS if one >= rank)
        arguments |= {"enable_lora": True, "max_lora_rank": room}
    return arguments


def sampling_arguments(
    key: str, sampling: Sampling, ends: set[int], penalty: float
) -> dict[str, Any]:
    """What ``vllm.SamplingParams`` of one row is made with; each row draws by its own seed.

    Args:
        key: Of the row.
        sampling: How to write.
        ends: Tokens that end an answer.
        penalty: On repetition, of the model's own settings; 1 is none.
    """
    arguments = {
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stop_token_ids": sorted(ends),
        "repetition_penalty": penalty,
        "detokenize": False,
    }
    if sampling.temperature > 0:
        arguments["seed"] = seed_of(key, sampling)
    return arguments


class Engine:
    """A model that vLLM has loaded, with what generation and likelihood do elsewhere.

    Args:
        model: The model folder, or that of an adapter; then ``base`` is given.
        tokenizer: Of the model.
        sampling: How to write.
        longest: Most tokens of a prompt with its answer.
    """

    def __init__(
        self, model: Path, base: Path | None, tokenizer: Any, sampling: Sampling, longest: int
    ) -> None:
        os.environ.update(ENVIRONMENT)
        from vllm import LLM, SamplingParams

        own = _own_settings(base or model)
        self.tokenizer, self.sampling, self.params = tokenizer, sampling, SamplingParams
        self.ends = end_tokens(SimpleNamespace(generation_config=own), tokenizer)
        self.penalty = own.repetition_penalty or 1.0
        self.config = load_config(model, base=base)
        # one place more: vLLM always writes something
        self.llm = LLM(**engine_arguments(model, base, longest + 1))
        self.adapter = None
        if base is not None:
            from vllm.lora.request import LoRARequest

            self.adapter = LoRARequest("adapter", 1, str(model))

    def write(self, rows: list[Row]) -> list[Generated]:
        """An answer to every row, as of :func:`papertune.answering.generation.generate`."""
        room, new = room_for(self.config, self.sampling.max_new_tokens)
        sampling = replace(self.sampling, max_new_tokens=new)
        prompts = [
            shortened(self.tokenizer, tokens, room) if room else tokens for _, tokens in rows
        ]
        params = [
            self.params(**sampling_arguments(key, sampling, self.ends, self.penalty))
            for key, _ in rows
        ]
        written = [one.outputs[0] for one in self._run(prompts, params)]
        return [
            replace(
                read_answer(self.tokenizer, list(one.token_ids), self.ends),
                truncated=one.finish_reason == "length",
            )
            for one in written
        ]

    def reference_nll(self, examples: list[tuple[list[int], str]]) -> list[tuple[float, int]]:
        """How likely completions are, as of :func:`papertune.answering.likelihood.reference_nll`."""
        limit = context_of(self.config)
        rows = [
            prompt_and_completion(self.tokenizer, prompt, text, limit - 1 if limit else None)
            for prompt, text in examples
        ]
        asked = self.params(max_tokens=1, temperature=0.0, prompt_logprobs=1, detokenize=False)
        found = self._run([tokens for tokens, _ in rows], [asked] * len(rows))
        return [
            (
                -sum(
                    one.prompt_logprobs[place][tokens[place]].logprob
                    for place in range(len(tokens) - count, len(tokens))
                ),
                count,
            )
            for (tokens, count), one in zip(rows, found, strict=True)
        ]

    def _run(self, prompts: list[list[int]], params: list[Any]) -> list[Any]:
        given = [{"prompt_token_ids": tokens} for tokens in prompts]
        return list(self.llm.generate(given, params, lora_request=self.adapter, use_tqdm=False))


def _rank(model: Path) -> int:
    """Of an adapter's matrices; 0 where the folder holds no adapter."""
    path = Path(model, "adapter_config.json")
    return int(json.loads(path.read_text("utf-8"))["r"]) if path.exists() else 0


def _own_settings(folder: Path) -> Any:
    """The generation settings that a model folder has."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(load_config(folder))
