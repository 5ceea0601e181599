"""The lm-eval model: its cache of answers, prompts that are cut, answers without room, prompts."""

import json

import pandas as pd
import pytest
import torch
import yaml
from lm_eval.api.instance import Instance
from lm_eval.api.model import CachingLM

from mugi.accuracy import harness
from mugi.accuracy.lm import MugiLM
from mugi.accuracy.lm_eval import main as lm_eval_main
from mugi.accuracy.settings import TaskSettings
from mugi.cli import main
from mugi.errors import InputError
from tests.accuracy.approximations import COARSE

pytestmark = pytest.mark.usefixtures("one_thread")
TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


@pytest.fixture
def sums(tmp_path):
    """A folder with a task of free answers to questions of 40 bytes, of up to 8 tokens."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = [
        {"question": f"What is {n} + {n}? Think it over well.", "answer": 2 * n} for n in (1, 2)
    ]
    (folder / "sums.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task = {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "sums.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}],
    }
    (folder / "sums.yaml").write_text(yaml.safe_dump(task))
    return folder


def run(checkpoint, output, *arguments) -> pd.DataFrame:
    """Run `mugi accuracy` on tasks alone, of the native model unless the arguments say more."""
    command = ["accuracy", str(checkpoint), "--windows", "0", *arguments, "-o", str(output)]
    assert main(command) == 0
    return pd.read_csv(output, keep_default_na=False)


# --- lm-eval's cache ----------------------------------------------------------------------------


def scores(model, cache, tokenizer, **settings) -> tuple[list, int]:
    """Score two requests through lm-eval's cache; return the answers and how many were computed."""
    wrapped = MugiLM(pretrained=model, tokenizer=tokenizer, **settings)
    requests = [
        Instance("loglikelihood", {}, (f"a context of words, {n}", " an answer"), 0, ("t", n, 1))
        for n in range(2)
    ]
    answers = CachingLM(wrapped, f"{cache}_rank0.db").loglikelihood(requests)
    return answers, wrapped.scored_tokens


def test_two_approximations_in_one_cache_have_their_own_answers(
    tiny_llama, byte_tokenizer, tmp_path
):
    cache = tmp_path / "x"
    settings = {"tokenizer": byte_tokenizer, "max_length": 64}
    native, computed = scores(tiny_llama, cache, **settings)
    assert computed > 0
    coarse, computed = scores(tiny_llama, cache, **settings, approximation=str(COARSE))
    alone, _ = scores(tiny_llama, tmp_path / "y", **settings, approximation=str(COARSE))
    assert computed > 0
    assert coarse == alone != native
    assert scores(tiny_llama, cache, **settings) == (native, 0)
    assert scores(tiny_llama, cache, **settings, approximation=str(COARSE)) == (coarse, 0)


def test_other_weights_context_or_precision_find_no_answers(tiny_llama, byte_tokenizer, tmp_path):
    cache, settings = tmp_path / "x", {"tokenizer": byte_tokenizer}
    _, computed = scores(tiny_llama, cache, **settings, max_length=64)
    assert computed > 0
    for others in ({"max_length": 63}, {"max_length": 64, "add_bos_token": True}):
        assert scores(tiny_llama, cache, **settings, **others)[1] > 0
    with torch.no_grad():
        tiny_llama.lm_head.weight[0, 0] += 1
    assert scores(tiny_llama, cache, **settings, max_length=64)[1] > 0
    assert scores(tiny_llama.bfloat16(), cache, **settings, max_length=64)[1] > 0


# --- context ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_of_lm_eval_keeps_answers_apart(checkpoint, tmp_path):
    found = {}
    for name, approximation in [("a", "native"), ("b", str(COARSE)), ("c", "native")]:
        arguments = {"pretrained": str(checkpoint), "approximation": approximation}
        argv = ["--model", "mugi", "--model_args", json.dumps(arguments), "--limit", "3"]
        argv += ["--tasks", "mugi_mmlu_dev", "--use_cache", str(tmp_path / "x"), "--device", "cpu"]
        assert lm_eval_main([*argv, "--log_samples", "--output_path", str(tmp_path / name)]) == 0
        (saved,) = (tmp_path / name).rglob("samples*.jsonl")
        samples = map(json.loads, saved.read_text().splitlines())
        found[name] = [sample["filtered_resps"] for sample in samples]
    assert found["a"] == found["c"] != found["b"]


def test_the_window_of_texts_does_not_cut_prompts(checkpoint, tmp_path, caplog):
    task = ["--tasks", "mugi_mmlu_dev=3"]
    whole = run(checkpoint, tmp_path / "a.csv", *task)
    same = run(checkpoint, tmp_path / "b.csv", *task, "--window", "24")
    pd.testing.assert_frame_equal(same, whole)
    assert set(whole["window_tokens"]) == {256}
    assert set(whole["cut_prompts"]) == {0}
    assert not caplog.text
    short = run(checkpoint, tmp_path / "c.csv", *task, "--task-window", "64")
    assert set(short["cut_prompts"]) == {3}
    assert "native, mugi_mmlu_dev: 3 prompts are longer than 64 tokens" in caplog.text
    assert set(short["window_tokens"]) == {64}


def test_answers_that_do_not_fit_are_one_line(checkpoint, sums, tmp_path, capsys):
    arguments = ["--windows", "0", "--task-folder", str(sums), "--tasks", "sums"]
    output = tmp_path / "out.csv"
    command = ["accuracy", str(checkpoint), *arguments, "-o", str(output), "--task-window", "8"]
    assert main(command) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "task sums: answers of up to 8 tokens do not fit into the context of 8 tokens" in line
    assert not output.exists()


def test_generated_answers_have_their_cut_prompts_counted(checkpoint, sums, tmp_path):
    arguments = ["--task-folder", str(sums), "--tasks", "sums"]
    for window, cut in [("256", 0), ("30", 2)]:
        table = run(checkpoint, tmp_path / "a.csv", *arguments, "--task-window", window)
        assert set(table["cut_prompts"]) == {cut}
        assert set(table["metric"]) == {"exact_match"}


def test_a_model_that_generates_nan_is_stopped(tiny_llama, byte_tokenizer, sums):
    tiny_llama.lm_head.weight.data[0, 0] = float("nan")
    model = MugiLM(pretrained=tiny_llama, tokenizer=byte_tokenizer)
    settings = TaskSettings(name="sums", folders=(sums,))
    loaded = harness.load_task(settings, harness.task_manager(["sums"], [sums]))
    with pytest.raises(InputError, match="native, task sums, document 0: non-finite logits of an"):
        harness.run_task(model, loaded, settings)


# --- prompts ------------------------------------------------------------------------------------


def test_prompts_are_written_as_asked_for(checkpoint, byte_tokenizer, tmp_path, capsys):
    """Examples, chat template, turns and system instruction: in the samples and in a column."""
    samples, task = tmp_path / "samples.jsonl", ["--tasks", "mugi_mmlu_dev=1"]
    arguments = [
        *task,
        "--approx",
        "native",
        "--approx",
        str(COARSE),
        "--log-samples",
        str(samples),
    ]
    chat = ["--apply-chat-template", "--system-instruction", "Be brief."]
    output = tmp_path / "a.csv"
    command = ["accuracy", str(checkpoint), "--windows", "0", *arguments, *chat, "-o", str(output)]
    assert main(command) == 2
    assert "the model's tokenizer has no chat template" in capsys.readouterr().err
    byte_tokenizer.chat_template = TEMPLATE
    byte_tokenizer.save_pretrained(checkpoint)
    byte_tokenizer.chat_template = None
    turns = [*chat, "--num-fewshot", "2", "--fewshot-as-multiturn"]
    for more, prompt, begins, users in [
        ([], "0-shot", "Question: ", 0),
        (["--num-fewshot", "2"], "2-shot", "Question: ", 0),
        (chat, "0-shot, chat template, system instruction", "[system]Be brief.[user]Question: ", 1),
        (
            turns,
            "2-shot, chat template, examples as turns, system instruction",
            "[system]Be brief.[user]Question: ",
            3,
        ),
    ]:
        table = run(checkpoint, output, *arguments, *more)
        assert set(table["prompt"]) == {prompt}
        logged = [json.loads(line) for line in samples.read_text().splitlines()]
        assert [row["approximation"] for row in logged] == ["native", str(COARSE)]
        native, coarse = (row["arguments"] for row in logged)
        assert native == coarse  # the same examples in front of the question
        context = native[0][0]
        assert context.startswith(begins)
        assert context.count("[user]") == users
        assert context.count("Question: ") == 1 + 2 * ("--num-fewshot" in more)


def test_a_template_without_system_messages_says_so(
    checkpoint, byte_tokenizer, tmp_path, capsys, caplog
):
    """As Gemma's, which raises; lm-eval would leave the instruction out."""
    refuse = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    byte_tokenizer.chat_template = refuse + TEMPLATE
    byte_tokenizer.save_pretrained(checkpoint)
    byte_tokenizer.chat_template = None
    arguments = ["--tasks", "mugi_mmlu_dev=1", "--apply-chat-template"]
    run(checkpoint, tmp_path / "a.csv", *arguments)
    assert not caplog.text
    command = ["accuracy", str(checkpoint), "--windows", "0", *arguments]
    command += ["--system-instruction", "Be brief.", "-o", str(tmp_path / "b.csv")]
    assert main(command) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith("--system-instruction: the model's chat template takes none")


def test_examples_that_there_are_not_enough_of_are_one_line(checkpoint, tmp_path, capsys):
    arguments = ["--windows", "0", "--tasks", "mugi_mmlu_dev=1", "--num-fewshot", "500"]
    assert main(["accuracy", str(checkpoint), *arguments, "-o", str(tmp_path / "a.csv")]) == 2
    assert "mugi accuracy: task mugi_mmlu_dev: " in capsys.readouterr().err.splitlines()[-1]


def test_turns_need_a_chat(checkpoint, tmp_path, capsys):
    arguments = ["--tasks", "mugi_mmlu_dev=1", "--fewshot-as-multiturn"]
    output = tmp_path / "a.csv"
    assert main(["accuracy", str(checkpoint), *arguments, "-o", str(output)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--fewshot-as-multiturn: needs apply-chat-template" in line


def test_columns_of_a_group_are_those_of_its_tasks():
    result = {
        "results": {
            "n-shot": {"a": 0, "b": 5},
            "group_subtasks": {"all": ["some", "b"], "some": ["a"], "a": []},
        },
        "cut_prompts": {"a": 2, "b": 1},
    }
    settings = TaskSettings(name="all")
    assert harness.prompts_of("all", result, settings) == {"prompt": "0|5-shot", "cut_prompts": 3}
    assert harness.prompts_of("a", result, settings) == {"prompt": "0-shot", "cut_prompts": 2}


@pytest.mark.parametrize(
    "changes, arguments, line",
    [
        ({"num_hidden_layers": 4}, {}, "9 of its weights are not in the checkpoint"),
        ({"auto_map": {"AutoConfig": "a.B"}, "model_type": "mine"}, {}, "refused"),
        ({}, {"trust_remote_code": True}, "trust_remote_code: code that a check"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, {}, "opt"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line(checkpoint, changes, arguments, line):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(InputError) as error:
        MugiLM(pretrained=str(checkpoint), device="cpu", **arguments)
    assert line in str(error.value) and len(str(error.value).splitlines()) == 1
