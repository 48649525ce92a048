"""Measure the gain of reading each document's text once, in answering and in likelihoods.

    python benchmarks/shared_prefix.py MODEL [--documents 8] [--questions 3] [--tokens 300]
        [--new-tokens 32] [--rounds 3] [--threads 1] [--precision fp32] [--texts FILE.jsonl]

MODEL is the folder of a model with real weights, such as one below ``resources/models``. Documents
of so many tokens are made from the texts of the file (``abstract`` or ``text`` of each line), or
from the demo's venue. The same questions are answered greedily, with likelihoods of the same
references, in two ways:

- papertune: a document's keys and values are computed once (``papertune.answering.prefixes``), heads
  read shared keys in place, and finished answers leave the batch
- each prompt separately: batches of the same rows, padded on the left, through transformers'
  ``generate``, and one pass for the references; at most half as fast

Prints both speeds, the ratios in total, for answering and for likelihoods, and how many answers are
equal. In fp32 all should be; in bf16 the order of additions changes the rounding, and some differ.
On a CPU, times are CPU time. Rounds alternate, and medians are compared.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.answering.generation import Sampling, answers, generate, reference_nll
from papertune.answering.prefixes import padded
from papertune.demo.papers import papers
from papertune.examples.tokens import Encoded
from papertune.models.attention import share_heads
from papertune.models.loading import (
    device_name,
    end_tokens,
    load_model,
    load_tokenizer,
    set_up_torch,
)

TIMES = 2.0
QUESTIONS = (
    ("What is the main problem that is studied?", "How fast a learner can be when data are few."),
    ("Which bound do the authors prove?", "A regret of the square root of the number of rounds."),
    ("How does the method compare with earlier work, and what is its rate?", "It is optimal."),
    ("Who would use this?", "Those who have to choose among many actions, again and again."),
    ("What is assumed about the data?", "They are independent and of bounded variance."),
)
Row = tuple[str, Encoded]
Result = tuple[list[str], list[float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--questions", type=int, default=3, choices=range(1, len(QUESTIONS) + 1))
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"))  # else as for answers
    options = parser.parse_args()

    set_up_torch(options.threads, seed=1)
    model = load_model(options.model, precision=options.precision)
    tokenizer = load_tokenizer(options.model)
    rows, sampling = make_rows(tokenizer, options), Sampling(options.new_tokens)
    batch = [row for _, row in rows]
    prompts = [(key, prompt) for key, (prompt, _) in rows]
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "answers and references": (
            lambda: ours(answers(model, tokenizer, rows, sampling)),
            lambda: (plain(model, tokenizer, rows, options.new_tokens), plain_nll(model, batch)),
        ),
        "answers": (
            lambda: [one.text for one in generate(model, tokenizer, prompts, sampling)],
            lambda: plain(model, tokenizer, rows, options.new_tokens),
        ),
        "references": (
            lambda: [round(nll, 3) for nll, _ in reference_nll(model, tokenizer, batch)],
            lambda: plain_nll(model, batch),
        ),
    }
    now = time.process_time if device_name() == "cpu" else time.perf_counter
    failed = False
    generate(model, tokenizer, prompts[:1], Sampling(2))  # warm up
    for name, both in ways.items():
        ratios, rates, found = [], [], []
        for _ in range(options.rounds):
            spent, found = [], []
            for way, shares in zip(both, (True, False), strict=True):
                heads(shares)
                start = now()
                found.append(way())
                spent.append(now() - start)
            ratios.append(spent[1] / spent[0])
            rates.append([len(rows) / one for one in spent])
        shared, single = (statistics.median(one) for one in zip(*rates, strict=True))
        every = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        ratio = statistics.median(ratios)
        told = f"{shared:.2f} against {single:.2f} questions/s: {ratio:.2f} times as fast ({every})"
        print(f"{name:23} {told}")
        if name == "answers and references":
            failed = ratio < TIMES
            (texts, likely), (others, as_likely) = found  # type: ignore[misc]
            same = sum(one == other for one, other in zip(texts, others, strict=True))
            apart = max(abs(a - b) for a, b in zip(likely, as_likely, strict=True))
            print(
                f"{'':23} {same} of {len(rows)} answers the same; likelihoods apart by {apart:.4f}"
            )
    print(
        f"on {device_name()}, {options.documents} documents of {options.tokens} tokens; "
        f"at least {TIMES:.1f} times with references"
    )
    sys.exit(failed)


def heads(shared: bool) -> None:
    """Make heads read shared keys in place, or as transformers does."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if shared:
        share_heads()
    else:
        del ALL_ATTENTION_FUNCTIONS["sdpa"]


def make_rows(tokenizer: Any, options: argparse.Namespace) -> list[Row]:
    """Key, prompt and reference of each question."""
    if options.texts:
        lines = map(json.loads, options.texts.read_text().splitlines())
        texts = list(filter(None, (line.get("abstract") or line.get("text") for line in lines)))
    else:
        texts = [paper.abstract for paper in papers(2020, 40, 1)]
    rows = []
    for number in range(options.documents):
        said = " ".join(texts[(number * 4 + n) % len(texts)] for n in range(64))
        task = "Answer the question about the abstract.\nAbstract: "
        document = tokenizer(task + said)["input_ids"][: options.tokens]
        for place, both in enumerate(QUESTIONS[: options.questions]):
            question, answer = (
                tokenizer(text, add_special_tokens=False)["input_ids"]
                for text in (f"\nQuestion: {both[0]}\nAnswer:", f" {both[1]}")
            )
            rows.append((f"{number}-{place}", (document + question, answer)))
    return rows


def ours(told: list[tuple[Any, tuple[float, int]]]) -> Result:
    """The texts and likelihoods of results."""
    return [one.text for one, _ in told], [nll for _, (nll, _) in told]


def plain(model: Any, tokenizer: Any, rows: list[Row], new: int) -> list[str]:
    """The answers with each prompt read separately."""
    ids, mask, _ = padded([prompt for _, (prompt, _) in rows], tokenizer.pad_token_id, model.device)
    ends = end_tokens(model, tokenizer)
    written = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=new, do_sample=False,
        eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id,
    )[:, ids.shape[1] :].tolist()  # fmt: skip
    cut = (next((n for n, t in enumerate(one) if t in ends), len(one)) for one in written)
    return [
        tokenizer.decode(one[:end], skip_special_tokens=True)
        for one, end in zip(written, cut, strict=True)
    ]


def plain_nll(model: Any, batch: list[Encoded]) -> list[float]:
    """The negative log-likelihood of each reference in one pass over all."""
    import torch

    ids, mask, positions = padded([[*a, *b] for a, b in batch], 0, model.device)
    keep = max(len(answer) for _, answer in batch) + 1
    with torch.inference_mode():
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False,
            logits_to_keep=keep,
        ).logits[:, :-1].float()  # fmt: skip
        targets = ids[:, -keep + 1 :]
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), targets, reduction="none"
        )
    return [
        float(one[len(one) - len(answer) :].double().sum())
        for one, (_, answer) in zip(losses, batch, strict=True)
    ]


if __name__ == "__main__":
    main()
