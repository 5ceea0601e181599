"""Three BIG-bench tasks as lm-eval tasks, from the package that holds their data.

The source distribution `bigbench` 1.0.0 (358 MB, Apache-2.0; each task names its own origin) comes
through pip, from wherever pip is set up to look, and must have the expected sha256. Multiple
choice: social_iqa and the three parts of goal_step_wikihow. Perplexity: 1,000 documents of the
English Wikipedia, which the task paragraph_segmentation holds as its examples 1000 to 1999.
"""

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from mugi.errors import InputError
from mugi.files import check_writable, sha256_of, write_text
from mugi.llm.texts import SEPARATOR

REQUIREMENT = "bigbench==1.0.0"
SHA256 = "1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2"
CHOICES = {
    "mugi_social_iqa": "social_iqa",
    "mugi_goal_inference": "goal_step_wikihow/goal_inference",
    "mugi_step_inference": "goal_step_wikihow/step_inference",
    "mugi_step_ordering": "goal_step_wikihow/step_ordering",
}
"""Task of ours -> task of BIG-bench."""
WIKIPEDIA = "paragraph_segmentation"
_ENGLISH = slice(1000, 2000)
_MEMBER = "bigbench-1.0.0/bigbench/benchmark_tasks/{}/task.json"


def write_bigbench(*, folder: Path, sdist: Path | None = None) -> None:
    """Write tasks and texts for lm-eval into `folder`.

    sdist: bigbench-1.0.0.tar.gz, if it is here already; it is fetched and verified otherwise.
    """
    check_writable(folder / "mugi_wikipedia.yaml")
    with tempfile.TemporaryDirectory() as temporary:
        tasks = dict(_read(sdist or _download(Path(temporary))))
    folder = folder.resolve()
    for name, task in CHOICES.items():
        questions = [_question(example) for example in tasks[task]["examples"]]
        _write_task(folder, name, questions, _choice(name))
    texts = [example["input"].strip() for example in tasks[WIKIPEDIA]["examples"][_ENGLISH]]
    documents = [text.replace(SEPARATOR, "\n") for text in texts]
    _write_task(folder, "mugi_wikipedia", [{"text": text} for text in documents], _rolling())
    write_text(folder / "wikipedia.txt", SEPARATOR.join(documents))


def _download(folder: Path) -> Path:
    """Let pip fetch the source distribution; it checks the sha256 before anything else."""
    listed = folder / "requirements.txt"
    listed.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", ":all:", "--require-hashes", "-r", str(listed), "-d", str(folder)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    fetched = list(folder.glob("*.tar.gz"))
    if done.returncode or not fetched:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else "pip download failed"
        raise InputError(f"{REQUIREMENT} cannot be fetched: {reason}")
    return fetched[0]


def _read(sdist: Path) -> Iterator[tuple[str, dict]]:
    """Yield the name and content of each task, after checking the sha256 of all."""
    try:
        digest = sha256_of(sdist)
    except OSError as error:
        raise InputError(f"{sdist}: {error.strerror}") from None
    if digest != SHA256:
        raise InputError(f"{sdist} has sha256 {digest[:12]}…, expected {SHA256[:12]}…")
    wanted = {_MEMBER.format(name): name for name in (*CHOICES.values(), WIKIPEDIA)}
    with tarfile.open(sdist) as archive:
        for member in archive:
            if member.name in wanted:
                yield wanted[member.name], json.load(archive.extractfile(member))


def _question(example: dict) -> dict:
    choices, scores = zip(*example["target_scores"].items(), strict=True)
    question = {"question": example["input"].strip(), "choices": choices}
    return question | {"answer": scores.index(max(scores))}


def _write_task(folder: Path, name: str, rows: list[dict], task: dict) -> None:
    """Write the rows, and the task as lm-eval reads it."""
    data = folder / f"{name}.jsonl"
    write_text(data, "".join(json.dumps(row) + "\n" for row in rows))
    head = {"task": name, "dataset_path": "json", "test_split": "test"}
    head["dataset_kwargs"] = {"data_files": {"test": str(data)}}
    write_text(folder / f"{name}.yaml", yaml.safe_dump(head | task, sort_keys=False))


def _choice(name: str) -> dict:
    """Question, then each choice's text is scored, as in lm-eval's own cloze tasks."""
    metrics = [{"metric": name, "aggregation": "mean"} for name in ("acc", "acc_norm")]
    tag = {} if name == "mugi_social_iqa" else {"tag": "mugi_goal_step_wikihow"}
    return tag | {
        "output_type": "multiple_choice",
        "doc_to_text": "Q: {{question}}\nA:",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [metric | {"higher_is_better": True} for metric in metrics],
        "metadata": {"version": 1.0},
    }


def _rolling() -> dict:
    names = {"word_perplexity": "weighted_perplexity", "byte_perplexity": "weighted_perplexity"}
    names["bits_per_byte"] = "bits_per_byte"
    return {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "text",
        "metric_list": [
            {"metric": name, "aggregation": function, "higher_is_better": False}
            for name, function in names.items()
        ],
        "metadata": {"version": 1.0},
    }
