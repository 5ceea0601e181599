"""The configuration: one line for each mistake, and schema and default file in step."""

import copy
from pathlib import Path

import pytest
import yaml

from mugi.cli import main
from mugi.config import Config, check, read
from mugi.documents import Document, merge, read_yaml
from mugi.errors import InputError
from mugi.figures import FIGURES

ROOT = Path(__file__).parents[2]
DEFAULT = read_yaml(ROOT / "config.yaml").content
# with one grid of runs, and no figure that needs more: quick to check
SMALL = DEFAULT | {"hardware": DEFAULT["hardware"][:1], "figures": ["fig02"]}


def plain(settings: dict) -> Document:
    """Return settings that stand in no file."""
    return Document("config", settings, {})


def test_paths_are_found_beside_the_file_that_names_them(tmp_path, monkeypatch):
    """And not beside config.yaml, below which its own are."""
    (tmp_path / "mine" / "checkpoint").mkdir(parents=True)
    (tmp_path / "mine" / "text.txt").write_text("words")
    (tmp_path / "mine" / "array.yaml").write_text("extends: [carat]")
    mine = tmp_path / "mine" / "config.yaml"
    node = {"design": ["mugi", "array.yaml"], "array_height": 64, "model": "llama_2_7b"}
    model = {"source": "./checkpoint", "dtype": "float32", "attention": "sdpa", "device": "cpu"}
    changes = {
        "models": {"mine": model},
        "accuracy": {"corpora": ["prose", "text.txt=3", "~/mine/text.txt"]},
        "tuning": {"text": "text.txt"},
        "hardware": [node | {"batch_size": 1, "seq_len": 128}],
        "figures": ["fig02"],
    }
    mine.write_text(yaml.safe_dump(changes))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    document = read(ROOT / "config.yaml", mine)
    folder, content = tmp_path / "mine", document.content
    inside = folder.relative_to("/")
    assert content["models"]["mine"]["source"] == f"{inside}/checkpoint"
    assert content["accuracy"]["corpora"] == [
        "prose", f"{inside}/text.txt=3", f"{folder}/text.txt"
    ]  # fmt: skip
    assert content["tuning"]["text"] == f"{inside}/text.txt"
    assert content["hardware"][0]["design"] == ["mugi", f"{inside}/array.yaml"]
    assert content["accuracy"]["approximations"] == DEFAULT["accuracy"]["approximations"]
    check(document)


# changes to the default configuration -> what its one line says
MISTAKES = {
    "unknown section": ({"acuracy": {}}, ["acuracy", "did you mean 'accuracy'?", "one of: models"]),
    "unknown key": (
        {"accuracy": {"perplexity": {"windws": 3}}},
        ["accuracy.perplexity.windws", "did you mean 'windows'?", "window, stride, windows"],
    ),
    "unknown key of a model": (
        {"models": {"smollm2_135m": {"dtyp": "x"}}},
        ["models.smollm2_135m.dtyp", "did you mean 'dtype'?"],
    ),
    "text for a number": (
        {"accuracy": {"perplexity": {"window": "wide"}}},
        ["accuracy.perplexity.window", "must be a valid integer", "'wide'"],
    ),
    "number as text": (
        {"accuracy": {"perplexity": {"window": "1024"}}},
        ["accuracy.perplexity.window", "must be a valid integer", "'1024'"],
    ),
    "fraction for a whole number": (
        {"sweep": {"perplexity": {"windows": 1.5}}},
        ["sweep.perplexity.windows", "must be a valid integer", "1.5"],
    ),
    "windows neither a number nor all": (
        {"sweep": {"perplexity": {"windows": "most"}}},
        ["sweep.perplexity.windows", "of at least 1, or all", "'most'"],
    ),
    "BOS token": (
        {"accuracy": {"bos": "maybe"}},
        ["accuracy.bos", "'maybe' is not allowed", "auto, yes, no"],
    ),
    "examples as turns without a chat": (
        {"accuracy": {"fewshot_as_multiturn": True}},
        ["accuracy", "fewshot_as_multiturn needs apply_chat_template"],
    ),
    "text for a list": (
        {"sweep": {"softmax": "exact"}},
        ["sweep.softmax", "must be a valid list", "'exact'"],
    ),
    "method of a grid": (
        {"sweep": {"activation": ["pwl:segments=20..25,rang=3..11"]}},
        ["sweep.activation.0", "unknown parameter 'rang' (did you mean 'range'?)"],
    ),
    "empty list": ({"sweep": {"models": []}}, ["sweep.models", "at least 1 item"]),
    "weights by a function's method": (
        {"datapath": {"woq": "pwl:segments=22,range=5"}},
        ["datapath.woq", "pwl cannot compute weights; one of: int4"],
    ),
    "a window longer than its text": (
        {"profile": {"lengths": [256, 8192]}},
        ["profile", "tokens 2048 must be at least 8192 (lengths)"],
    ),
    "anchor in the base of the candidates": (
        {"tuning": {"base": "vlp:lut=8,max_exp=2"}},
        ["tuning.base", "parameter max_exp is given twice"],
    ),
    "one candidate": (
        {"tuning": {"max_exp": [3], "min_exp": []}},
        ["tuning", "give at least 2 candidates in max_exp and min_exp"],
    ),
    "default of another parameter": ({"tuning": {"default": "lut=8"}}, ["tuning.default", "lut=8"]),
    "nothing for a section": ({"accuracy": None}, ["accuracy", "must be a mapping"]),
    "window of one token": (
        {"accuracy": {"perplexity": {"window": 1, "stride": 1}}},
        ["accuracy.perplexity.window", "greater than or equal to 2", "1"],
    ),
    "stride beyond the window": (
        {"accuracy": {"perplexity": {"stride": 2048}}},
        ["accuracy.perplexity", "stride 2048 must be 1 to 256"],
    ),
    "a stride in windows of their own documents": (
        {"accuracy": {"perplexity": {"stride": 128}}},
        ["accuracy.perplexity", "stride 128 must be 256 (the window) unless cut is joined"],
    ),
    "no token for KL": (
        {"accuracy": {"perplexity": {"kl_context": 256}}},
        ["accuracy.perplexity", "kl_context 256 must be less than 256"],
    ),
    "no count of windows": (
        {"accuracy": {"corpora": ["prose=x"]}},
        ["accuracy.corpora.0", "prose=x: must be NAME, or NAME=WINDOWS with at least 1 window"],
    ),
    "negative seed": ({"accuracy": {"seed": -1}}, ["accuracy.seed", "greater than or equal to 0"]),
    "unknown task": (
        {"accuracy": {"tasks": {"mugi_pros": 3}}},
        [
            "accuracy.tasks.mugi_pros",
            "did you mean 'mugi_prose'?",
            "mugi_mmlu_dev, mugi_prose, mugi_pydoc",
        ],
    ),
    "no documents": (
        {"accuracy": {"tasks": {"mugi_prose": 0}}},
        ["accuracy.tasks.mugi_prose", "greater than or equal to 1", "0"],
    ),
    "unknown model": (
        {"accuracy": {"models": ["smollm2"]}},
        ["accuracy.models.0", "'smollm2'", "did you mean 'smollm2_135m'?"],
    ),
    "unknown embedded model": (
        {"models": {"smollm": {**DEFAULT["models"]["smollm2_135m"]}}},
        ["models.smollm", "unknown embedded model", "smollm2_135m"],
    ),
    "missing checkpoint folder": (
        {"models": {"smollm2_135m": {"source": "./nowhere"}}},
        ["models.smollm2_135m.source", "no model './nowhere'", "hub id"],
    ),
    "unknown precision": (
        {"models": {"smollm2_135m": {"dtype": "bfloat"}}},
        ["models.smollm2_135m.dtype", "one of: bfloat16, float16, float32", "did you mean"],
    ),
    "unknown device": (
        {"models": {"smollm2_135m": {"device": "gpu"}}},
        ["models.smollm2_135m.device", "'gpu'"],
    ),
    "unknown method": (
        {"approximations": {"exp": {"methods": ["vpl:lut=8,max_exp=3"]}}},
        ["approximations.exp.methods.0", "unknown method 'vpl'", "did you mean 'vlp'?"],
    ),
    "unknown parameter": (
        {"approximations": {"exp": {"methods": ["vlp:luts=8,max_exp=3"]}}},
        ["approximations.exp.methods.0", "unknown parameter 'luts'", "did you mean 'lut'?"],
    ),
    "unknown policy": (
        {"approximations": {"silu": {"methods": ["vlp:lut=8,max_exp=3,overflow=flash"]}}},
        ["approximations.silu.methods.0", "overflow: 'flash'", "one of: flush, saturate"],
    ),
    "sliding window wider than the LUT": (
        {"accuracy": {"approximations": ["softmax=vlp:lut=4,window=8,max_exp=3"]}},
        ["accuracy.approximations.0", "window=8 is wider than the LUT (lut=4)"],
    ),
    "unknown operation": (
        {"accuracy": {"approximations": ["softmx=exact"]}},
        ["accuracy.approximations.0", "unknown operation 'softmx'", "did you mean 'softmax'?"],
    ),
    "backward range": (
        {"approximations": {"gelu": {"range": [5, -5]}}},
        ["approximations.gelu", "[lower, higher]"],
    ),
    "model name with a slash": (
        {"models": {"a/b": {**DEFAULT["models"]["smollm2_135m"]}}},
        ["models.a/b", "pattern"],
    ),
    "the same approximation twice": (
        {"accuracy": {"approximations": ["native", "native"]}},
        ["accuracy.approximations", "'native' is there twice"],
    ),
    "infinite range": (
        {"approximations": {"exp": {"range": [float("-inf"), 0]}}},
        ["approximations.exp.range", "finite"],
    ),
    "key of a run that is no text": (
        {"hardware": [{1: 2}]},
        ["hardware.0.1", "a value or a list of values"],
    ),
    "mapping for the value of a run": (
        {"hardware": [{**DEFAULT["hardware"][0], "seq_len": {"a": 1}}]},
        ["hardware.0.seq_len", "a value or a list of values"],
    ),
    "array height true": (
        {"hardware": [{**DEFAULT["hardware"][0], "array_height": True}]},
        ["hardware.0.array_height", "a value or a list of values"],
    ),
    "unknown figure": (
        {"figures": ["fig99"]},
        ["figures.0", "'fig99'", "did you mean", "table3"],
    ),
    "array height 0": (
        {"hardware": [{**DEFAULT["hardware"][0], "array_height": 0}]},
        ["hardware.0", "array_height", "at least 1", "'0'"],
    ),
    "batch -1": (
        {"hardware": [{**DEFAULT["hardware"][0], "batch_size": -1}]},
        ["hardware.0", "batch_size", "at least 1", "'-1'"],
    ),
    "unknown design": (
        {"hardware": [{**DEFAULT["hardware"][0], "design": "mugy"}]},
        ["hardware.0", "unknown design 'mugy'", "did you mean 'mugi'?"],
    ),
    "unknown LLM of the cost model": (
        {"hardware": [{**DEFAULT["hardware"][0], "model": "llama_2_9b"}]},
        ["hardware.0", "'llama_2_9b'", "llama_2_7b"],
    ),
    "INT4 of a model of vision": (
        {
            "models": {"dinov2_vit_s": DEFAULT["models"]["smollm2_135m"] | {"data": "digits"}},
            "accuracy": {"models": ["smollm2_135m", "dinov2_vit_s"]},
        },
        ["accuracy.models.1", "give dinov2_vit_s approximations of its own"],
    ),
    "approximation of a model's own": (
        {"models": {"smollm2_135m": {"approximations": ["native", "softmax=vpl:lut=8"]}}},
        ["models.smollm2_135m.approximations.1", "unknown method 'vpl'"],
    ),
    "unknown column of a run": (
        {"hardware": [{**DEFAULT["hardware"][0], "batchsize": 8}]},
        ["hardware.0", "batchsize", "did you mean 'batch_size'?"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line(name):
    change, expected = MISTAKES[name]
    with pytest.raises(InputError) as error:
        check(plain(merge(copy.deepcopy(SMALL), change)))
    (line,) = str(error.value).splitlines()
    for part in expected:
        assert part in line


def test_all_mistakes_are_told_at_once():
    changes = [MISTAKES[name][0] for name in ("unknown section", "negative seed", "batch -1")]
    settings = SMALL
    for change in changes:
        settings = merge(settings, change)
    with pytest.raises(InputError) as error:
        check(plain(settings))
    assert len(str(error.value).splitlines()) == 3


def test_the_default_smoke_and_full_configuration_are_valid():
    check(read(ROOT / "config.yaml"))
    for name in ("smoke", "full"):
        check(read(ROOT / "config.yaml", ROOT / "config" / f"{name}.yaml"))


def test_smoke_changes_only_keys_that_the_default_has():
    def paths(settings, prefix=()):
        for key, value in settings.items():
            yield (*prefix, key)
            if isinstance(value, dict):
                yield from paths(value, (*prefix, key))

    assert set(paths(read_yaml(ROOT / "config" / "smoke.yaml").content)) <= set(paths(DEFAULT))


def test_default_configuration_names_every_key_of_the_schema():
    assert list(DEFAULT) == list(Config.model_fields)
    assert list(check(plain(DEFAULT)).model_dump()) == list(DEFAULT)


def test_every_figure_that_the_workflow_draws_can_be_configured():
    scripts = [path for path in (ROOT / "figures").glob("*.py") if "__main__" in path.read_text()]
    assert {path.stem for path in scripts} == set(FIGURES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "No such file"),
        ("a: [1", "not YAML"),
        ("just a text", "must hold keys and values"),
        ("accuracy: {seed: -1}", "accuracy.seed"),
    ],
)
def test_check_command_says_it_in_a_line_and_exits_2(text, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    assert main(["check", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_check_command_accepts_the_default(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["check"]) == 0
    assert "no mistakes" in capsys.readouterr().out


def test_schema_command_prints_json(capsys):
    assert main(["schema"]) == 0
    schema = yaml.safe_load(capsys.readouterr().out)
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False


def test_prompts_windows_and_bos_of_the_accuracy_section():
    """YAML reads `bos: yes` as true."""
    prompts = {"num_fewshot": 5, "apply_chat_template": True, "fewshot_as_multiturn": True}
    prompts |= {"system_instruction": "Be brief.", "task_window": 512, "bos": True}
    for bos in (True, False, "yes", "auto"):
        perplexity = {"perplexity": {"windows": "all"}}
        change = {"accuracy": prompts | perplexity | {"bos": bos, "corpora": ["wikitext2=all"]}}
        check(plain(merge(copy.deepcopy(SMALL), change)))
