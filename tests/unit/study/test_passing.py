"""Requirements of a study with programs, reported before anything is run."""

import pytest
from pydantic import ValidationError

from papertune.study.experiment import Experiment
from papertune.study.passing import answering_of

STUDY = {
    "source": {"kind": "human_eval"}, "splits": {"test": 0.5},
    "generators": {"own": {"backend": "source"}, "rules": {"backend": "rules", "style": "cloze"}},
    "bases": {"a": {"path": "a"}}, "models": {"full": {"base": "a", "method": "full"}},
    "metrics": ["similarity", "pass@10"], "answering": {"temperature": 0.8, "samples": 10},
}  # fmt: skip


def test_enough_samples_for_each_set_with_tests():
    study = Experiment.model_validate(STUDY | {"test_sets": {"own": {}, "rules": {"samples": 1}}})
    assert [answering_of(study, name).samples for name in ("own", "rules")] == [10, 1]
    assert answering_of(study, "probes").samples == 1
    assert {"pass@10", "parses", "signature", "only_code"} <= set(study.compared)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"answering": {"temperature": 0.8}}, r"answering\.samples: pass@10 needs at least 10"),
        ({"test_sets": {"own": {"samples": 9}}}, r"test_sets\.own\.samples: pass@10 needs at least 10"),
        ({"answering": {"samples": 10}}, r"answering\.samples.*answering\.temperature"),
        ({"test_sets": ["rules"]}, "metrics: pass@10 needs pairs with tests"),
        ({"source": {"kind": "pairs", "path": "a.csv", "columns": {"question": "q", "answer": "a"}}},
         "columns.check"),
    ],
)  # fmt: skip
def test_errors_name_the_key(more, said):
    with pytest.raises(ValidationError, match=said):
        Experiment.model_validate(STUDY | more)
