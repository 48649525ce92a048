"""What of an architecture a recipe trains, and in which form it holds the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from papertune.footprint.activations import BF16, FP32, Role
from papertune.footprint.architecture import Architecture
from papertune.study.settings import Freeze, Lora, Quantization, Training, Variant

EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings")
HEAD = "lm_head"
ADAPTERS = ("lora", "qlora")


@dataclass(frozen=True, slots=True)
class Machine:
    """What trains.

    Args:
        on_gpu: Whether it is a GPU.
        half: Whether it computes in bf16 where precision is ``auto``.
        processes: How many share out an update.
        sharded: Whether each of them holds a part of the weights only.
    """

    on_gpu: bool = False
    half: bool = False
    processes: int = 1
    sharded: bool = False

    @property
    def parts(self) -> int:
        """Into how many parts weights are cut."""
        return self.processes if self.sharded else 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made, as :func:`papertune.training.train.train` takes it."""

    method: str
    training: Training = field(default_factory=Training)
    lora: Lora = field(default_factory=Lora)
    quantization: Quantization = field(default_factory=Quantization)
    freeze: Freeze | None = None
    examples: Variant = field(default_factory=Variant)

    @property
    def with_adapters(self) -> bool:
        """Whether the base stays as it is."""
        return self.method in ADAPTERS

    def half(self, machine: Machine) -> bool:
        """Whether it is computed in bf16."""
        precision = self.training.precision
        return precision == "bf16" or (precision == "auto" and machine.half)

    def row(self, arch: Architecture) -> tuple[int, int]:
        """Tokens of the longest row, and those that an example counts for in a batch."""
        longest = self.training.max_length
        if arch.context:
            longest = min(longest, arch.context)
        if self.examples.packing == "none":
            return longest, longest
        row = min(self.examples.length or longest, longest)
        return row, row if self.examples.packing == "blocks" else longest

    def batch(self, machine: Machine) -> int:
        """Examples that a process computes at once (as ``together.share_out`` has it)."""
        size, update = (
            self.training.batch_size,
            self.training.batch_size * self.training.accumulation,
        )
        share = max(1, update // machine.processes)
        return max(count for count in range(1, size + 1) if share % count == 0)

    def accumulates(self, machine: Machine) -> bool:
        """Whether gradients of several batches are added up."""
        update = self.training.batch_size * self.training.accumulation
        return update // machine.processes > self.batch(machine)

    def frozen_layers(self, arch: Architecture) -> set[int]:
        """Numbers of the layers that stay as they are."""
        if self.freeze is None:
            return set()
        count, freeze = arch.layers, self.freeze
        numbers = {*range(freeze.first), *range(count - freeze.last, count), *freeze.layers}
        whole = {module.removeprefix(f"{arch.stem}.") for module in freeze.modules}
        numbers |= {int(name) for name in whole if name.isdigit()}
        return {number for number in numbers if 0 <= number < count}

    def embedding_trained(self, arch: Architecture) -> bool:
        """Whether the token embedding is among what is trained."""
        if self.with_adapters:
            return False
        named = EMBEDDINGS + ((HEAD,) if arch.tied else ())
        return not any(module.endswith(named) for module in self._modules())

    def head_trained(self, arch: Architecture) -> bool:
        """Whether the head is."""
        if arch.tied or self.with_adapters:
            return self.embedding_trained(arch)
        return HEAD not in self._modules()

    def _modules(self) -> list[str]:
        return self.freeze.modules if self.freeze else []

    def adapter(self, arch: Architecture) -> int:
        """Parameters of the adapters of a layer."""
        adapted = arch.adapted(self.lora.target_modules)
        return sum(self.lora.rank * (linear.inputs + linear.outputs) for linear in adapted)

    def trained(self, arch: Architecture) -> int:
        """Parameters that get gradients."""
        layers = arch.layers - len(self.frozen_layers(arch))
        if self.with_adapters:
            return layers * self.adapter(arch)
        total = layers * arch.layer + arch.around + self.embedding_trained(arch) * arch.embedding
        return total + self.head_trained(arch) * arch.head

    def weights(self, arch: Architecture, half: bool) -> int:
        """Bytes of all weights, adapters among them.

        What is trained is in fp32; a base under adapters in the precision of the computation, or
        its linear modules in 4 bit: NF4 has a constant of 4 bytes for 64 weights, which double
        quantisation makes a byte for 64 and 4 for 16,384 (Dettmers et al. 2023).
        """
        if not self.with_adapters:
            return arch.parameters * FP32
        number = BF16 if half else FP32
        adapters = self.trained(arch) * FP32
        if self.method == "lora":
            return arch.parameters * number + adapters
        linear = arch.layers * sum(one.inputs * one.outputs for one in arch.linears)
        constants = 1 / 64 + 4 / 16384 if self.quantization.double else 4 / 64
        return int((arch.parameters - linear) * number + linear * (0.5 + constants)) + adapters

    def roles(self, arch: Architecture) -> list[Role]:
        """What is trained of each layer that gradients reach, from the lowest of them up."""
        frozen = self.frozen_layers(arch)
        role: Role = "adapters" if self.with_adapters else "trained"
        roles: list[Role] = [
            "passed" if number in frozen else role for number in range(arch.layers)
        ]
        if not self.embedding_trained(arch):
            while roles and roles[0] == "passed":
                roles.pop(0)
        return roles
