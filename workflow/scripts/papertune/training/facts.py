"""The facts of a run, which its model folder keeps in ``training.json``."""

from typing import Any

from papertune.jobs import distributed
from papertune.models.modelfolder import device_label, peak_memory, versions
from papertune.study.recipe import Recipe
from papertune.training.history import Criterion, history


def run_facts(model: Any, state: Any, criterion: Criterion) -> dict[str, Any]:
    """What a run took and gave; ``state`` is the Trainer's at the end."""
    rows = history(state.log_history, criterion)
    best = criterion.best(state.log_history) or {}
    seconds, device = rows[-1]["seconds"], device_label()
    energy = [row.get("joules") for row in state.log_history if "eval_loss" in row]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in model.parameters())
    if hasattr(model, "peft_config"):
        # a quantised weight holds several parameters in one number
        total = model.get_nb_trainable_parameters()[1]
    return {
        "steps": state.global_step,
        "best_by": criterion.name,
        "best_step": best["step"],
        "best_value": best[criterion.key],
        "best_validation_loss": min(row["validation_loss"] for row in rows),
        "trainable_parameters": trained,
        "total_parameters": total,
        "tokens_seen": int(state.num_input_tokens_seen),
        "tokens_per_second": round(int(state.num_input_tokens_seen) / max(seconds, 1e-9), 1),
        "wall_seconds": seconds,
        "peak_memory_bytes": peak_memory(),
        "device": device,
        "processes": distributed.size(),
        "gpu_hours": 0.0 if device == "cpu" else round(distributed.size() * seconds / 3600, 6),
        "energy_joules": energy[-1],
        "versions": versions(),
        "history": rows,
    }


def recipe_facts(recipe: Recipe, chosen: int, given: int) -> dict[str, Any]:
    """What was trained how, with the numbers of pairs that were chosen and given."""
    facts: dict[str, Any] = {part: one.model_dump() for part, one in recipe.parts.items()}
    if recipe.subset:
        facts["subset"] |= {"pairs": chosen, "of": given}
    return facts | {
        "method": recipe.method,
        "read": recipe.examples.model_dump(),
        "asked": {"form": recipe.examples.asked, "template": recipe.prompt},
    }
