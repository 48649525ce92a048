"""The energy that a GPU has used, where its driver counts it."""

from functools import cache
from importlib import import_module
from typing import Any


def gpu_energy() -> float | None:
    """Joules that this process's GPU has used since its driver was loaded, all of its work together.

    ``None`` without a GPU, without the package ``nvidia-ml-py``, and where the GPU does not say:
    parts of a shared one (MIG) and those older than Volta.
    """
    found = _counter()
    if found is None:
        return None
    nvml, handle = found
    try:
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000  # it counts mJ
    except nvml.NVMLError:
        return None


@cache
def _counter() -> tuple[Any, Any] | None:
    """The library and its handle of this process's GPU, found by what both call it."""
    import torch

    if not torch.cuda.is_available():
        return None
    try:
        pynvml: Any = import_module("pynvml")
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        name = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
        return pynvml, pynvml.nvmlDeviceGetHandleByUUID(name)
    except (pynvml.NVMLError, AttributeError):
        return None
