"""Compare the speed of the training loop with TRL's SFTTrainer and with a bare PyTorch loop.

    python benchmarks/training_speed.py [--family gpt2] [--width 256] [--layers 4] [--steps 12]
    python benchmarks/training_speed.py --model resources/models/BASE --precision auto --steps 2

All train the same model, random or from a folder, on the same examples, in the same order, with the
same examples per update, in the same precision and without gradient checkpointing; the loss counts
the answers. The examples are as long as prompts with abstracts. Prints for each the tokens of
training text per second (without padding) and the final loss of the examples:

- papertune, padded (its default: examples of similar length together) and packed
  (``examples.packing: whole``)
- TRL's SFTTrainer, if trl is installed, padded and packed (``padding_free``: all examples of a batch
  in one row). The faster of ours must be at least as fast as each of them
- a bare loop on the same packed batches; the faster of ours may take 10 % longer

On a CPU, times are CPU time, as other processes may use the machine. Rounds alternate, and medians
are compared.
"""

import argparse
import contextlib
import importlib.util
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.examples.packing import Collator
from papertune.examples.tokens import MASKED, Examples, answer_loss
from papertune.models.loading import device_name, load_model, set_up_torch
from papertune.models.precision import choose
from papertune.study.settings import Training
from papertune.training import callback
from papertune.training.train import Run, fit

TIMES_TRL = 1.0
TIMES_BARE = 1.1
LOSS = 0.02  # largest difference between the losses after training, relative
RATE = 1e-3
BATCH = 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=("gpt2", "llama"), default="gpt2")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--model", type=Path, help="a model folder instead of a random model")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="fp32")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", type=int, default=512, help="tokens of a packed row")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    set_up_torch(options.threads, seed=1)
    made = make(options)
    rows = examples(options.steps * BATCH, int(made.config.vocab_size))
    precision = choose(options.precision, made.config)
    tokens = sum(len(row["input_ids"]) for row in rows)
    ways: dict[str, Callable[[Any, list[Any]], float]] = {
        "padded": lambda model, rows: ours(model, rows, None, precision.name),
        "packed": lambda model, rows: ours(model, rows, options.row, precision.name),
        "bare loop": lambda model, rows: bare(model, rows, options.row, precision.dtype),
    }
    if importlib.util.find_spec("trl"):
        ways["trl padded"] = lambda model, rows: trl(model, rows, False, precision.name)
        ways["trl packed"] = lambda model, rows: trl(model, rows, True, precision.name)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses = {}
    for number in range(options.rounds + 1):
        for name, train in ways.items():
            model = make(options)
            # the first round warms up
            some = rows if number else rows[: 2 * BATCH]
            spent = train(model, some)
            if number:
                seconds[name].append(spent)
                losses[name] = loss(model, rows)
    print(
        f"{options.model or options.family}, {sum(p.numel() for p in made.parameters()) / 1e6:.1f}M "
        f"parameters, {len(rows)} examples of {tokens / len(rows):.0f} tokens on average, "
        f"{BATCH} an update, on {device_name()} with {options.threads} threads, {precision.name} "
        f"({precision.why})"
    )
    for name, spent in seconds.items():
        rates = sorted(tokens / one for one in spent)
        print(
            f"{name:10} {statistics.median(rates):9.0f} tokens/s ({rates[0]:.0f}–{rates[-1]:.0f}), "
            f"loss afterwards {losses[name]:.4f}"
        )
    failed = not verdict("bare loop", seconds, 1 / TIMES_BARE)
    for name in ways:
        if name.startswith("trl"):
            failed |= not verdict(name, seconds, TIMES_TRL)
    if "trl packed" not in ways:
        print(
            "trl is not installed and skipped: pip install --target DIR --no-deps trl, PYTHONPATH=DIR"
        )
    apart = max(losses.values()) / min(losses.values()) - 1
    print(f"losses afterwards: {apart:.2%} apart (at most {LOSS:.0%})")
    sys.exit(failed or apart > LOSS)


def verdict(other: str, seconds: dict[str, list[float]], needed: float) -> bool:
    """Print the speedup of our faster way over another way, by round and as median."""
    best = min(("padded", "packed"), key=lambda way: statistics.median(seconds[way]))
    ratios = [b / a for a, b in zip(seconds[best], seconds[other], strict=True)]
    ratio = statistics.median(ratios)
    every = ", ".join(f"{one:.2f}" for one in ratios)
    print(f"{best} against {other}: {ratio:.2f} times as fast ({every}; at least {needed:.2f})")
    return ratio >= needed


def examples(count: int, vocabulary: int) -> list[dict[str, list[int]]]:
    """Rows of random tokens, as long as prompts with abstracts and short answers."""
    draw, rows = random.Random(1), []
    for _ in range(count):
        prompt = min(400, max(80, round(draw.gauss(230, 60))))
        answer = min(60, max(4, round(draw.gauss(22, 10))))
        # few distinct ones, so that there is something to learn
        ids = [draw.randrange(2, vocabulary // 20) for _ in range(prompt + answer - 1)] + [1]
        rows.append({"input_ids": ids, "labels": [MASKED] * prompt + ids[prompt:]})
    return rows


def make(options: argparse.Namespace) -> Any:
    """Make the same random model every time."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    if options.model:
        return load_model(options.model, precision="fp32")
    torch.manual_seed(1)
    specials = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    heads = max(1, options.width // 64)
    if options.family == "gpt2":
        config = GPT2Config(
            vocab_size=options.vocabulary,
            n_embd=options.width,
            n_layer=options.layers,
            n_head=heads,
            resid_pdrop=0.0,  # dropout would differ between the ways
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **specials,
        )
        return GPT2LMHeadModel(config).to(device_name())
    config = LlamaConfig(
        vocab_size=options.vocabulary,
        hidden_size=options.width,
        intermediate_size=options.width * 3,
        num_hidden_layers=options.layers,
        num_attention_heads=heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        **specials,
    )
    return LlamaForCausalLM(config).to(device_name())


def ours(model: Any, rows: list[Any], packed: int | None, precision: str) -> float:
    """Seconds from the first step to the end of the last one."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=empty_tokenizer(), pad_token="0")
    training = Training(
        epochs=1,
        batch_size=BATCH,
        learning_rate=RATE,
        schedule="constant",
        order="given",
        precision=precision,  # type: ignore[arg-type]
        evaluations=1,
    )
    usual, clock = callback.RunCallback, Clock()

    class Timed(usual):  # type: ignore[misc, valid-type]
        def on_step_begin(self, args: Any, state: Any, *rest: Any, **how: Any) -> None:
            if state.global_step == 0:  # after the validation of the untrained model
                clock.start()

        def on_step_end(self, args: Any, state: Any, *rest: Any, **how: Any) -> None:
            if state.global_step == self.steps:  # before the last validation and the checkpoint
                clock.stop()
            super().on_step_end(args, state, *rest, **how)

    callback.RunCallback = Timed  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        fit(
            model,
            tokenizer,
            train=Examples(rows, packed=packed),
            validation=Examples(rows[:1], packed=packed),
            training=training,
            seed=1,
            run=Run(Path(folder), "packed" if packed else "padded"),
        )
    callback.RunCallback = usual  # type: ignore[misc]
    return clock.seconds


class Clock:
    """Measures from the first start to the first stop after it."""

    def __init__(self) -> None:
        self.now = time.process_time if device_name() == "cpu" else time.perf_counter
        self.seconds = 0.0

    def start(self) -> None:
        """Start measuring."""
        self.began = self.now()

    def stop(self) -> None:
        """Stop, after the GPU has finished all work."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds = self.seconds or self.now() - self.began


def empty_tokenizer() -> Any:
    """A tokenizer used for its padding token only."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    return Tokenizer(WordLevel({"0": 0, "1": 1}, unk_token="1"))


def bare(model: Any, rows: list[Any], packed: int, dtype: Any) -> float:
    """Seconds of a loop that only trains, on batches made beforehand."""
    import torch

    collate = Collator.of(model, 0, packed, "bare")
    batches = [collate(rows[first : first + BATCH]) for first in range(0, len(rows), BATCH)]
    device = device_name()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    model.train()
    clock = Clock()
    clock.start()
    for batch in batches:
        batch = {
            key: value.to(device) if torch.is_tensor(value) else value
            for key, value in batch.items()
            if key != "tokens"
        }
        labels = batch.pop("labels")
        with torch.autocast(device, dtype, enabled=dtype == torch.bfloat16):
            outputs = model(**batch)
        answer_loss(outputs, labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    clock.stop()
    return clock.seconds


def trl(model: Any, rows: list[Any], packed: bool, precision: str) -> float:
    """Seconds from the first step to the end of the last one of TRL's trainer."""
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    clock = Clock()

    class Timed(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            if state.global_step == 0:
                clock.start()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            clock.stop()

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=empty_tokenizer(), pad_token="0", eos_token="1"
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        theirs = SFTTrainer(
            model,
            args=SFTConfig(
                output_dir=folder,
                num_train_epochs=1,
                per_device_train_batch_size=BATCH,
                learning_rate=RATE,
                lr_scheduler_type="constant",
                train_sampling_strategy="sequential",
                packing=False,
                padding_free=packed,
                max_length=None,
                dataset_kwargs={"skip_prepare_dataset": True},
                bf16=precision == "bf16",
                gradient_checkpointing=False,
                use_cpu=device_name() == "cpu",
                dataloader_pin_memory=False,
                logging_strategy="no",
                save_strategy="no",
                disable_tqdm=True,
                report_to="none",
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            callbacks=[Timed()],
        )
        theirs.train()
    return clock.seconds


def loss(model: Any, rows: list[Any]) -> float:
    """The mean loss of the examples, each computed separately."""
    import torch

    collate = Collator.of(model, 0, None, "loss")
    total = 0.0
    model.eval()
    with torch.no_grad():
        for first in range(0, len(rows), BATCH):
            batch = collate(rows[first : first + BATCH])
            batch.pop("tokens")  # one part, as no limit is given
            batch = {
                key: value.to(model.device) if torch.is_tensor(value) else value
                for key, value in batch.items()
            }
            labels = batch.pop("labels")
            total += float(answer_loss(model(**batch), labels, 1))
    counted = sum(label != MASKED for row in rows for label in row["labels"])
    return total / counted


if __name__ == "__main__":
    main()
