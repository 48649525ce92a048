"""Grouped-query attention without copying the shared keys and values."""

from typing import Any


def share_heads() -> None:
    """Make transformers' ``sdpa`` read shared keys and values in place, on a CPU.

    Otherwise it copies them for every head and token, which takes longer than the rest of
    generation. torch's native implementation gives the same numbers. For inference only: training
    uses the implementation with its own backward pass.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def shared(
        module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **how: Any
    ) -> tuple[Any, None]:
        import torch

        plain = all(how.get(name) is None for name in ("is_causal", "position_bias", "cache"))
        if (
            torch.is_grad_enabled()
            or key.device.type != "cpu"
            or attention_mask is None
            or not plain
        ):
            return sdpa_attention_forward(module, query, key, value, attention_mask, **how)
        many, few = query.shape[1], key.shape[1]
        if one := query.shape[2] == 1 and attention_mask.shape[1] == 1:
            # heads that share keys are treated as several tokens of one head, which is even faster
            query = query.reshape(len(query), few, many // few, -1)
        attended = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, scale=how.get("scaling"),
            enable_gqa=query.shape[1] != few,
        )  # fmt: skip
        if one:
            attended = attended.reshape(len(query), many, 1, -1)
        return attended.transpose(1, 2).contiguous(), None

    ALL_ATTENTION_FUNCTIONS["sdpa"] = shared
