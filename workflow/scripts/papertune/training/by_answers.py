"""Score a model's answers during training: a metric on a sample of the validation pairs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from papertune.answering.batching import batches
from papertune.answering.generation import Row, Sampling, generate, predicted
from papertune.answering.kept import answer_of
from papertune.examples.forms import Form
from papertune.examples.prompts import Fit
from papertune.identity import share
from papertune.metrics import Metric, metric_named
from papertune.records import Pair
from papertune.scores.scoring import Embeddings
from papertune.study.recipe import Recipe
from papertune.training.facts import Criterion

TEACHER_FORCED = "teacher_forced_bleu"


class AnswerScorer:
    """Scores a model's greedy answers to questions, asked in the form of the later test.

    ``teacher_forced_bleu`` generates nothing: it is the sentence BLEU of the most likely token at
    each position of the reference answer, given the reference before it. It is far higher than BLEU
    of answers, and serves to compare with work that reports it.

    The sample of validation pairs is chosen by a hash of their ids. For ``similarity``, embeddings
    are kept in the run's ``folder``; ``embedder`` is the folder of one from the Hub. ``room`` is
    the maximum of tokens in a prompt.
    """

    def __init__(
        self,
        recipe: Recipe,
        form: Form,
        pairs: Iterable[Pair],
        folder: Path,
        embedder: Path | None = None,
        threads: int = 1,
        room: int | None = None,
    ) -> None:
        training = recipe.training
        self.name, self.form, self.embeddings = training.best_by, form, None
        if training.judge is not None:
            store = folder / "embeddings"
            self.embeddings = Embeddings(recipe.embedder, store, embedder, threads)
        self.metric: Metric = metric_named("bleu" if self.name == TEACHER_FORCED else self.name)
        self.criterion = Criterion(self.name, bool(self.metric.higher_is_better))
        self.width = len(self.metric.parts) or 2  # length of the result of :meth:`measure`
        self.sampling = Sampling(training.best_new_tokens)
        some = sorted(pairs, key=lambda pair: share(pair.id, "judged"))[: training.best_sample]
        self._pairs = {pair.id: pair for pair in some}
        fit = Fit(room, 0)
        read = enumerate(zip(self._pairs, form.tokens(self._pairs.values(), fit), strict=True))
        self._encoded = {key: one for place, (key, one) in read if place not in fit.unfit}
        rows = [(key, prompt) for key, (prompt, _) in self._encoded.items()]
        self.batches: list[list[Row]] = batches(
            rows, max(16, training.batch_size), about=lambda key: self._pairs[key].document
        )

    def measure(self, model: Any, batch: list[Row]) -> np.ndarray:
        """The sums of the metric's parts over a batch, shape (width,)."""
        if self.name == TEACHER_FORCED:
            likeliest = predicted(
                model, self.form.tokenizer, [self._encoded[key] for key, _ in batch]
            )
            texts = [self.form.tokenizer.decode(one, skip_special_tokens=True) for one in likeliest]
        else:
            texts = [one.text for one in generate(model, self.form.tokenizer, batch, self.sampling)]
        unmeasured: dict[str, Any] = {
            "reference_nll": 0.0, "reference_tokens": 0, "new_tokens": 0, "truncated": False,
        }  # fmt: skip
        answers = [
            answer_of(self._pairs[key], self.form.said(text), **unmeasured)
            for (key, _), text in zip(batch, texts, strict=True)
        ]
        if self.embeddings is not None:
            self.embeddings.load(text for a in answers for text in (a.text, a.reference))
        parts = [self.metric.measure(answer, self.embeddings) or () for answer in answers]
        return np.array([p if self.metric.parts else (*p, 1.0) for p in parts]).sum(axis=0)
