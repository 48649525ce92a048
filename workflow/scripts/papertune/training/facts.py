"""The facts of a run: its history, best validation, resources and energy."""

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from papertune.jobs import distributed
from papertune.jobs.record import own_peak

LOSS = "validation_loss"
# columns of the history: our name → the name in the Trainer's log
COLUMNS = {"train_loss": "loss", LOSS: "eval_loss"}
COLUMNS |= {name: name for name in ("learning_rate", "seconds")}
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Criterion:
    """The criterion for the best checkpoint and for early stopping.

    ``name`` is ``validation_loss``, or the metric that scores answers.
    """

    name: str = LOSS
    higher_is_better: bool = False

    @property
    def key(self) -> str:
        """Its name in the Trainer's log."""
        return COLUMNS.get(self.name, f"eval_{self.name}")

    def best(self, log: Sequence[Row]) -> Row | None:
        """The best validation so far of a trained model, from all entries of the Trainer's log.

        Ties, which are common with metrics of short answers, are broken by the lower loss, then by
        the earlier step. The untrained model is never chosen: under a method's name it would be
        the base.
        """
        trained = (row for row in log if self.key in row and row["step"])
        return min(trained, key=self._rank, default=None)

    def untrained(self, log: Sequence[Row]) -> Row | None:
        """The validation of the untrained model."""
        return next((row for row in log if self.key in row and not row["step"]), None)

    def gains(self, log: Sequence[Row]) -> bool:
        """Whether some trained model was better than the untrained one."""
        untrained, best = self.untrained(log), self.best(log)
        return untrained is None or best is None or self._rank(best) < self._rank(untrained)

    def without_gain(self, log: Sequence[Row]) -> int:
        """The number of validations since the best one, which may be the untrained model's."""
        rows = [row for row in log if self.key in row]
        return len(rows) - 1 - rows.index(min(rows, key=self._rank)) if rows else 0

    def _rank(self, row: Row) -> tuple[float, float]:
        value = row[self.key]
        return (-value if self.higher_is_better else value, row["eval_loss"])


def history(log: Sequence[Row], criterion: Criterion) -> list[Row]:
    """One row per validation: step, epoch, losses, learning rate, seconds since the start.

    Step 0 is the untrained model, which has no training loss and no learning rate.

    If the best is not chosen by validation loss, a row also has its criterion.
    """
    rows: dict[int, Row] = {}
    for entry in log:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": entry["epoch"]})
        for ours, theirs in {**COLUMNS, criterion.name: criterion.key}.items():
            if theirs in entry:
                row[ours] = entry[theirs]
    return [row for row in rows.values() if LOSS in row]


def where_best(state: Any, criterion: Criterion) -> str:
    """Where the best model so far is, in words; ``state`` is the Trainer's."""
    if state.best_model_checkpoint is None:
        return "no checkpoint has been written yet"
    name = criterion.name.replace("_", " ")
    return (
        f"the best one so far, of step {state.best_global_step} with a {name} of "
        f"{state.best_metric:.4g}, is kept in {state.best_model_checkpoint}"
    )


def final_loss(curve: Sequence[Sequence[float]]) -> float | None:
    """The mean training loss of the last tenth of the steps, or of the last interval if longer.

    ``curve``: step, and mean loss of the steps since the previous row.
    """
    since = [(row[0] - before[0], row) for before, row in pairwise([(0, 0.0), *curve])]
    last = [(n, row[1]) for n, row in since if row[0] > 0.9 * curve[-1][0]]
    return sum(n * loss for n, loss in last) / sum(n for n, _ in last) if last else None


def run_facts(
    model: Any, state: Any, criterion: Criterion, curve: Sequence[Sequence[float]]
) -> dict[str, Any]:
    """The facts of a run; ``state`` is the Trainer's at the end, ``curve`` its callback's."""
    rows = history(state.log_history, criterion)
    best = criterion.best(state.log_history) or {}
    untrained = criterion.untrained(state.log_history) or {}
    seconds, device, tokens = rows[-1]["seconds"], device_label(), int(state.num_input_tokens_seen)
    energy = [row.get("joules") for row in state.log_history if "eval_loss" in row]
    total = sum(p.numel() for p in model.parameters())
    if hasattr(model, "peft_config"):
        # a quantised weight stores several parameters in one number
        total = model.get_nb_trainable_parameters()[1]
    return {
        "steps": state.global_step,
        "best_by": criterion.name,
        "best_step": best["step"],
        "best_value": best[criterion.key],
        "best_validation_loss": min(row["validation_loss"] for row in rows if row["step"]),
        "untrained_value": untrained[criterion.key],
        "untrained_validation_loss": untrained["eval_loss"],
        "better_than_untrained": criterion.gains(state.log_history),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "total_parameters": total,
        "tokens_seen": tokens,
        "tokens_per_second": round(tokens / max(seconds, 1e-9), 1),
        "wall_seconds": seconds,
        "peak_memory_bytes": peak_memory(),
        "device": device,
        "processor": processor(),
        "processes": distributed.size(),
        "gpu_hours": 0.0 if device == "cpu" else round(distributed.size() * seconds / 3600, 6),
        "energy_joules": energy[-1],
        "versions": {name: version(name) for name in LIBRARIES},
        "final_training_loss": final_loss(curve),
        "history": rows,
        "curve": curve,
    }


def peak_memory() -> int:
    """Peak memory of this process in bytes: of the GPU if there is one, else resident."""
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else own_peak()


def device_label() -> str:
    """The GPU's name, or ``cpu``."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def processor() -> str:
    """The processor's name and the vector instructions that torch uses: ``…, AVX512``."""
    import torch

    try:
        said = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.M)
    except OSError:
        said = None
    name = said[1].strip() if said else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def gpu_energy() -> float | None:
    """Joules used by this process's GPU since its driver was loaded, by all processes together.

    ``None`` without a GPU, without the package ``nvidia-ml-py``, and if the GPU does not report it:
    partitions of a shared one (MIG) and GPUs older than Volta.
    """
    found = _counter()
    if found is None:
        return None
    nvml, handle = found
    try:
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000  # in mJ
    except nvml.NVMLError:
        return None


@cache
def _counter() -> tuple[Any, Any] | None:
    """The NVML library and its handle of this process's GPU, found by UUID."""
    import torch

    try:
        pynvml: Any = import_module("pynvml")
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    try:
        pynvml.nvmlInit()
        name = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
        return pynvml, pynvml.nvmlDeviceGetHandleByUUID(name)
    except (pynvml.NVMLError, AttributeError):
        return None
