"""Numbers that may change only with a version: what they are, and how to store them anew.

    python -m tests.accuracy.stored

writes tests/accuracy/data/stored.yaml. Do that after raising the version of what was changed on
purpose: `mugi.methods.VERSION` for tables, `mugi.llm.VERSION` for how a model computes,
`mugi.accuracy.VERSIONS` for what is measured. Cells that users have are then not read any more.
"""

import hashlib
import tempfile
from pathlib import Path

import yaml

import mugi.llm
import mugi.methods
from mugi.accuracy import VERSIONS
from mugi.accuracy.evaluate import evaluate_accuracy
from mugi.accuracy.settings import TaskSettings, TextSettings
from mugi.accuracy.tune import TuneSettings, tune_softmax
from mugi.llm.checkpoint import prepare
from mugi.llm.settings import ModelSettings
from mugi.methods import OPERATIONS, parse, parse_operations

APPROXIMATED = ["softmax", "activation", "woq", "kvq"]
METRICS_STORED = ["log_loss_nats", "kl_divergence_nats", "top1_agreement", "bits_per_byte"]
PATH = Path(__file__).parent / "data" / "stored.yaml"
METHODS = [
    *["exact", "partial", "vlp:lut=8,max_exp=3", "vlp:lut=12,max_exp=3,group=64"],
    *["vlp:lut=10,min_exp=-4,underflow=zero", "vlp:lut=10,max_exp=6,adapt=8"],
    "pwl:segments=22,range=16",  # FP32 coefficients: tests/methods/test_version.py
    *["taylor:degree=9,center=-4", "taylor:degree=9,center=-4,evaluation=horner,cutoff=error"],
]
APPROXIMATIONS = [
    "softmax=vlp:lut=10,max_exp=3,group=16;activation=vlp:lut=11,max_exp=2",
    "softmax=vlp:lut=12,max_exp=3,group=16,grouping=strided",
    "softmax=taylor:degree=9,center=-4;activation=partial",
    "woq=int4:group=64;kvq=int4:group=8",
]


def tables() -> dict[str, str]:
    """Return method and function -> digest of all that its tables say, exact to the bit."""
    digests = {}
    for method in map(parse, METHODS):
        for function in OPERATIONS["softmax"] + OPERATIONS["activation"]:
            if function in method.functions:
                stack = method.stack(function)
                rule = f"{stack.extreme} {stack.group} {stack.grouping} {stack.zeros}"
                digest = hashlib.sha256(rule.encode())
                for array in (stack.tables, stack.positions):
                    digest.update(array.tobytes())
                digests[f"{method} {function}"] = digest.hexdigest()[:16]
    return digests


def measurements(folder: Path) -> dict[str, float]:
    """Return what is measured of the tiny model, by kind and name."""
    prepare("tiny", folder / "tiny")
    model = ModelSettings(str(folder / "tiny"))
    result = evaluate_accuracy(
        model=model,
        approximations=[parse_operations(text) for text in APPROXIMATIONS],
        texts=[TextSettings(windows=3, window_tokens=48)],
        tasks=[TaskSettings(name="mugi_prose", documents=1, window_tokens=128)],
    )
    values = {}
    sums = result.documents.groupby(["task", "metric", "reference", *APPROXIMATED], sort=False)
    for (task, metric, reference, *methods), total in sums["total"].sum().items():
        if metric in METRICS_STORED:
            kind = "windows" if task == "prose" else "tasks"
            name = ";".join(method for method in methods if method != "native") or "native"
            values[f"{kind} {metric} {reference or 'alone'} {name}"] = total
    settings = TuneSettings(
        max_exp=(2, 3), min_exp=(-4,), tries=2, window_tokens=32, kl_context_tokens=8
    )
    summary = tune_softmax(model=model, settings=settings).summary
    for row in summary.itertuples():
        values[f"tuning nll_nats {row.split} {row.assignment}"] = row.nll_nats
    return values


def versions() -> dict[str, int]:
    """Return the versions that the stored numbers are of."""
    return {"methods": mugi.methods.VERSION, "llm": mugi.llm.VERSION, **VERSIONS}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        values = measurements(Path(temporary))
    content = {"versions": versions(), "tables": tables(), "measurements": values}
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
