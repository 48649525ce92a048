"""Command lines of model servers: their content, and that none runs without the user's consent."""

import pytest
import yaml
from pydantic import ValidationError

from papertune.errors import SettingsError
from papertune.study.configuration import check_configuration
from papertune.study.experiment_file import load_experiment, load_named
from papertune.study.layout import Layout
from papertune.study.settings import Answering, OpenAIGenerator, filled

SERVE = "vllm serve $model --port $port"
LORA = "--lora-modules $name=$adapter"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"serve": "vllm serve $model"}, "needs \\$port"),
        ({"serve": "vllm $prot --port $port"}, "unknown name \\$prot"),
        ({"serve": "vllm '$model --port $port"}, "not a command line"),
        ({"serve": "vllm $ $port"}, "a lone \\$"),
        ({}, "exactly one of serve and url"),
        ({"serve": SERVE, "url": "http://a.example/v1"}, "exactly one of serve and url"),
        ({"url": "http://a.example/v1", "adapters": LORA}, "adds to the command line in serve"),
    ],
)
def test_a_command_line_that_cannot_be_is_said(given, told):
    with pytest.raises(ValidationError, match=told):
        Answering(engine="server", **given)


def test_no_shell_reads_what_stands_for_a_name():
    words = filled("a 'b c' $model --port=$port", model="x y; $(rm)", port=7)
    assert words == ["a", "b c", "x y; $(rm)", "--port=7"]


def test_an_engine_counts_in_what_answers_depend_on_and_where_it_is_does_not():
    plain = Answering().identity()
    assert set(plain) == {"max_new_tokens", "temperature"}  # as before there were servers
    assert Answering(serve=SERVE).identity() == plain
    served = Answering(engine="server", serve=SERVE).identity()
    assert served == plain | {"engine": "server", "serve": SERVE}
    one, other = (Answering(engine="server", url=f"http://{n}.example") for n in "ab")
    assert one.identity() == other.identity() != plain


def test_a_generator_has_a_folder_where_its_command_line_takes_one():
    given = {"backend": "openai", "model": "m", "prompt": "p.txt"}
    assert OpenAIGenerator(serve=SERVE, **given).has_folder
    assert not OpenAIGenerator(serve="ollama serve --port $port", **given).has_folder
    with pytest.raises(ValidationError, match="exactly one of url, serve"):
        OpenAIGenerator(**given)


@pytest.fixture
def study(tmp_path):
    """An experiment file with two command lines."""
    prompt = "workflow/prompts/short.txt"
    values = {
        "source": {"kind": "demo"},
        "splits": {"train": {"from": 2005, "to": 2006}, "test": {"from": 2008, "to": 2008}},
        "generators": {
            "rules": {"backend": "rules", "style": "cloze"},
            "writer": {"backend": "openai", "model": "m", "serve": "sh $port", "prompt": prompt},
        },
        "bases": {"a": {"path": "a"}},
        "models": {"full": {"base": "a", "method": "full"}},
        "answering": {"engine": "server", "serve": SERVE, "adapters": LORA},
    }
    path = tmp_path / "theirs.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_an_experiment_file_runs_what_the_configuration_names_and_nothing_else(study):
    with pytest.raises(SettingsError) as error:
        load_named([str(study)], [])
    lines = {"answering.serve": SERVE, "answering.adapters": LORA, "generators.writer.serve": "sh"}
    for key, line in lines.items():
        assert f"{key}: this would be run on your machine: {line!r}"[:-1] in str(error.value)
    assert "`commands`" in str(error.value) and "theirs.yaml:" in str(error.value)
    with pytest.raises(SettingsError, match=r"answering\.adapters"):
        load_experiment(study, [SERVE, "sh $port"])
    configuration = check_configuration(
        {"experiments": ["x"], "commands": [SERVE.replace(" ", "  "), LORA, "sh $port"]}
    )
    found, _ = load_named([str(study)], [], configuration.commands)
    layout = Layout("theirs", found["theirs"])
    # its job runs a model, on a GPU where there are some, though the model is known by a name alone
    assert layout.runs_a_model("writer") and layout.generator_model("writer") is None
    assert not layout.runs_a_model("rules")
