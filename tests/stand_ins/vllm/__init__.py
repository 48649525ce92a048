"""What vLLM documents of offline inference, done by transformers: vLLM itself needs a GPU.

https://docs.vllm.ai/en/latest/api/vllm/. Arguments that are not documented are refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass(kw_only=True)
class SamplingParams:
    max_tokens: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    stop_token_ids: list[int] = field(default_factory=list)
    repetition_penalty: float = 1.0
    seed: int | None = None
    detokenize: bool = True
    prompt_logprobs: int | None = None


class LLM:
    def __init__(
        self,
        model: str,
        *,
        tokenizer: str,
        trust_remote_code: bool,
        load_format: str,
        dtype: str,
        max_model_len: int,
        seed: int,
        enable_lora: bool = False,
        max_lora_rank: int = 16,
    ) -> None:
        from papertune.models.loading import load_model

        assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
        assert max_lora_rank in (1, 8, 16, 32, 64, 128, 256, 320, 512)
        self.base, self.length = model, max_model_len
        self.lora, self.model = enable_lora, load_model(model)

    def generate(
        self, prompts: list[Any], params: list[SamplingParams], *, lora_request: Any, use_tqdm: bool
    ) -> list[Any]:
        import torch

        from papertune.models.loading import load_model

        assert (lora_request is not None) == self.lora
        model = self.model
        if lora_request is not None:
            model = load_model(lora_request.lora_path, base=self.base)
        return [
            self._one(torch, model, prompt["prompt_token_ids"], how)
            for prompt, how in zip(prompts, params, strict=True)
        ]

    def _one(self, torch: Any, model: Any, prompt: list[int], how: SamplingParams) -> Any:
        assert len(prompt) + how.max_tokens <= self.length, "the cache has no room"
        assert how.temperature == 0
        tokens = list(prompt)
        with torch.inference_mode():
            chances = model(torch.tensor([prompt])).logits[0].log_softmax(-1)
            while len(tokens) < len(prompt) + how.max_tokens:
                tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
                if tokens[-1] in how.stop_token_ids:
                    break
        given = None
        if how.prompt_logprobs is not None:
            given = [None] + [
                {
                    place: SimpleNamespace(logprob=float(before[place]))
                    for place in (int(before.argmax()), token)
                }
                for before, token in zip(chances[:-1], prompt[1:], strict=True)
            ]
        ended = tokens[-1] in how.stop_token_ids
        written = SimpleNamespace(
            token_ids=tokens[len(prompt) :], finish_reason="stop" if ended else "length"
        )
        return SimpleNamespace(outputs=[written], prompt_logprobs=given)
