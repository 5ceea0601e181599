"""`mugi accuracy`: one model, any number of approximations, metrics side by side."""

import argparse
import json
import os
import re
from dataclasses import replace
from pathlib import Path

from mugi.accuracy.evaluate import evaluate_accuracy
from mugi.accuracy.settings import BOS, CUTS, DataSettings, TaskSettings, TextSettings, counts
from mugi.commands.arguments import add_model_arguments, model_settings, options_named
from mugi.commands.output import closing
from mugi.errors import InputError, Mistake, raise_all
from mugi.files import check_outputs, write_table, write_text
from mugi.llm.texts import DATASETS, OWN_PREFIX
from mugi.methods import NATIVE
from mugi.methods.grid import expand_operations
from mugi.shards import ALL, Shard

_TEXT, _TASK = TextSettings(), TaskSettings(name="")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi accuracy`."""
    add_model_arguments(parser)
    parser.add_argument(
        "--approx",
        action="append",
        metavar="TEXT",
        help="softmax=METHOD;activation=METHOD, or native; a|b and a..b in place of values are "
        "tried in every combination (repeat for more)",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        metavar="TEXT[=WINDOWS]",
        help="text of the token metrics: prose (default), pydoc, c4 or wikitext2 (network) or "
        "a file, scored as it is (repeat for more); its windows, or all (default: --windows)",
    )
    parser.add_argument(
        "--windows",
        type=_number_or_all,
        help="windows of a text, or all; 0 for none (default: 12; of a file and wikitext2 all)",
    )
    for option, default, help_line in [
        ("--window", None, "tokens in a window (default: 256; of wikitext2 2048)"),
        ("--stride", None, "tokens between windows of joined documents (default: window)"),
        ("--kl-context", _TEXT.kl_context_tokens, "tokens before the first whose KL is scored"),
        (
            "--task-window",
            None,
            "tokens of a task's request at most (default: the model's context)",
        ),
        ("--num-fewshot", None, "examples before a question (default: lm-eval's)"),
        ("--seed", _TASK.seed, "of what tasks draw"),
        ("--examples", None, "first clips or images (default: all)"),
    ]:
        parser.add_argument(option, type=int, default=default, help=help_line)
    parser.add_argument(
        "--cut",
        choices=CUTS,
        help="windows are the beginnings of documents, or run over all documents joined "
        "(default: documents; of a file and wikitext2 joined)",
    )
    parser.add_argument(
        "--bos",
        default="auto",
        choices=BOS,
        help="whether texts and prompts begin with a BOS token (default: as the tokenizer does it)",
    )
    for option, help_line in [
        ("--apply-chat-template", "write the prompts of tasks as the model's chat template says"),
        ("--fewshot-as-multiturn", "examples before a question are turns of the chat"),
    ]:
        parser.add_argument(option, action="store_true", help=help_line)
    parser.add_argument("--system-instruction", help="text in front of every prompt of a task")
    parser.add_argument(
        "--tasks",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME[=DOCUMENTS]",
        help="lm-eval tasks, with commas or spaces between them; first documents (default: all)",
    )
    parser.add_argument(
        "--task-folder",
        action="append",
        type=Path,
        default=[],
        help="folder with more lm-eval tasks, for example of `mugi bigbench`",
    )
    parser.add_argument(
        "--data",
        help="clips (NAME.wav, NAME.txt) or images (CLASS/NAME.png) for speech or vision, "
        "instead of text and tasks: a folder, or digits for those inside scikit-learn",
    )
    parser.add_argument(
        "--batch-size", default="auto", help="sequences at a time on a GPU, or auto"
    )
    parser.add_argument("--cells", type=Path, help="folder where finished measurements are kept")
    parser.add_argument(
        "--shard",
        metavar="K/N",
        help="only part K of N, into the cells; without it the same command then finds them there",
    )
    parser.add_argument("-o", "--output", type=Path, help="tidy CSV")
    parser.add_argument("--documents", type=Path, help="tidy CSV of every document's sums")
    parser.add_argument("--lm-eval-json", type=Path, help="lm-eval's own results")
    parser.add_argument(
        "--log-samples",
        type=Path,
        help="JSON lines of every document of tasks: requests, answers and scores",
    )


def _number_or_all(text: str) -> int | str:
    return text if text == "all" else int(text)


def run(args: argparse.Namespace) -> None:
    """Evaluate and write the tidy tables, and lm-eval's JSON and samples if asked for."""
    with options_named(args):
        shard = Shard.parse(args.shard) if args.shard else ALL
        outputs = [args.output, args.documents, args.lm_eval_json, args.log_samples]
        if (shard == ALL) == (args.output is None) or (shard != ALL and any(outputs)):
            raise InputError("give -o FILE and what else is to be written, or --shard K/N alone")
        approximations = expand_operations(args.approx or [NATIVE])
        texts, tasks, data = _texts(args), _tasks(args), None
        if args.data:
            _refuse_inputs(args)
            data = DataSettings(source=args.data, examples=args.examples)
            texts, tasks = [], []
        if args.batch_size != "auto" and not re.fullmatch("[1-9][0-9]*", args.batch_size):
            raise InputError(f"--batch-size {args.batch_size}: must be auto or at least 1")
        before = os.environ.get("HF_HUB_OFFLINE")
        model = model_settings(args)
        check_outputs([args.output, args.documents], [args.lm_eval_json, args.log_samples])
        names = {text.name for text in texts}, [task.name for task in tasks]
        if not names[0] & DATASETS.keys() and all(n.startswith(OWN_PREFIX) for n in names[1]):
            os.environ["HF_DATASETS_OFFLINE"] = "1"
        elif before is None:  # data of the hub, whatever folder the model is in
            os.environ.pop("HF_HUB_OFFLINE", None)
        accuracy = evaluate_accuracy(
            model=model,
            approximations=approximations,
            texts=texts,
            tasks=tasks,
            data=data,
            bos=args.bos,
            log_samples=args.log_samples is not None,
            batch_size=args.batch_size,
            cells=args.cells,
            shard=shard,
            progress=True,
        )
    if accuracy is None:
        closing({args.cells: f"part {shard.number} of {shard.count}"})
        return
    if args.lm_eval_json:
        write_text(args.lm_eval_json, json.dumps(accuracy.lm_eval, indent=1))
    if args.log_samples:
        lines = (json.dumps(sample) + "\n" for sample in accuracy.samples)
        write_text(args.log_samples, "".join(lines))
    if args.documents:
        write_table(accuracy.documents, args.documents)
    write_table(accuracy.table, args.output)
    closing(
        {
            args.output: accuracy.table,
            args.documents: accuracy.documents,
            args.lm_eval_json: "lm-eval's own results",
            args.log_samples: "documents of tasks",
        }
    )


def _refuse_inputs(args: argparse.Namespace) -> None:
    """Raise InputError for options that name other inputs than --data."""
    given = {
        "--corpus": args.corpus,
        "--windows": args.windows,
        "--tasks": args.tasks,
        "--task-folder": args.task_folder,
        "--log-samples": args.log_samples,
    }
    what = "is about text; with --data, clips or images are all that is measured"
    raise_all([Mistake(what, name) for name, value in given.items() if value])


def _texts(args: argparse.Namespace) -> list[TextSettings]:
    if args.windows == 0:
        return []
    named = counts(args.corpus or [_TEXT.name], "windows", "corpus")
    return [
        TextSettings(
            name=name,
            windows=args.windows if windows is None else windows,
            window_tokens=args.window,
            cut=args.cut,
            stride_tokens=args.stride,
            kl_context_tokens=args.kl_context,
        )
        for name, windows in named.items()
    ]


def _tasks(args: argparse.Namespace) -> list[TaskSettings]:
    shared = TaskSettings(
        name="",
        window_tokens=args.task_window,
        num_fewshot=args.num_fewshot,
        apply_chat_template=args.apply_chat_template,
        fewshot_as_multiturn=args.fewshot_as_multiturn,
        system_instruction=args.system_instruction,
        folders=tuple(args.task_folder),
        seed=args.seed,
    )
    texts = [text for text in ",".join(args.tasks).split(",") if text]
    named = counts(texts, "documents", "tasks")
    return [replace(shared, name=name, documents=count) for name, count in named.items()]
