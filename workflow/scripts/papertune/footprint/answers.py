"""The most memory that answering takes at once: weights, the cache of keys and values, logits."""

from __future__ import annotations

from papertune.answering.likelihood import LOGITS
from papertune.footprint import sizes
from papertune.footprint.activations import BF16, FP32, scores_kept
from papertune.footprint.architecture import Architecture
from papertune.footprint.sizes import Machine
from papertune.footprint.training import (
    BITSANDBYTES,
    CUDA_CONTEXT,
    CUDA_HOST,
    LIBRARIES,
    SLACK,
    Peak,
    Taken,
    note_of,
)
from papertune.study.recipe import Recipe
from papertune.study.settings import Answering

LONGER = 1.5  # times that a reference answer may be longer than what a model may write


def answering_peak(
    arch: Architecture, recipe: Recipe, answering: Answering, machine: Machine
) -> Peak:
    """The most that one process takes, with prompts as long as ``training.max_length``.

    Args:
        recipe: Of the model; ``baseline`` for one that is not adapted.
        machine: What answers; precision is always ``auto`` there.
    """
    half = machine.half
    number = BF16 if half else FP32
    # adapted or not, weights are in the precision of the computation
    held = recipe if recipe.in_4_bit else Recipe(method="lora", lora=recipe.lora)
    weights = sizes.weights(held, arch, half)
    if not recipe.with_adapters:
        weights = arch.parameters * number
    new, batch = answering.max_new_tokens, answering.batch_size
    prompt = recipe.training.max_length
    if arch.context:
        new = min(new, max(arch.context // 2, 1))
        prompt = min(prompt, arch.context - new)
    tokens = batch * prompt
    width = 2 * arch.kv_heads * arch.head_dim * number
    cache = batch * (prompt + new) * width * arch.layers
    growing = batch * (prompt + new) * width  # a layer's is made anew for each token
    queries = 4 * arch.heads * arch.head_dim
    working = (3 * arch.intermediate + 3 * arch.width + queries) * number
    if scores_kept(arch, machine.on_gpu):
        working += 2 * arch.heads * prompt * FP32
    words = batch * arch.vocabulary * FP32
    row = int(LONGER * new + 1) * arch.vocabulary
    shown = min(batch * row, max(LOGITS, row)) * FP32
    phases = {
        "reading": Taken.of(cache + growing, cache / max(1, 2 * arch.layers))
        + Taken.of(tokens * working + 2 * words, tokens * arch.intermediate * number),
        "likelihood": Taken.of(3 * shown, shown)
        + Taken.of(tokens * working, tokens * arch.intermediate * number),
    }
    most = max(taken.total for taken in phases.values())
    libraries = LIBRARIES + (recipe.in_4_bit) * BITSANDBYTES
    if machine.on_gpu:
        device = CUDA_CONTEXT + int((weights + most) * SLACK)
        host = libraries + CUDA_HOST + arch.parameters * number
        if recipe.in_4_bit:
            host = libraries + CUDA_HOST + arch.largest * FP32
        return Peak(weights, 0, phases, device, host, note_of(arch))
    rest = max(taken.large for taken in phases.values())
    heap = max(taken.small for taken in phases.values())
    loading = weights + arch.parameters * FP32  # the file's pages are there with the weights
    host = libraries + max(weights + rest + heap, loading)
    return Peak(weights, 0, phases, host, host, note_of(arch))


def exporting_peak(arch: Architecture) -> Peak:
    """The most that merging an adapter takes: the base in float32, and its weights once more."""
    weights = arch.parameters * FP32
    phases = {"merging": Taken(weights)}
    host = LIBRARIES + 2 * weights
    return Peak(weights, 0, phases, host, host, note_of(arch))
