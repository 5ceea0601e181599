import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from mugi.config import check, read
from mugi.errors import InputError
from mugi.sources import sources

try:
    # Snakemake's reader takes a key that stands twice and knows no lines
    check(replace(read(*map(Path, workflow.configfiles)), content=config))
except InputError as error:
    for mistake in error.mistakes:
        print(f"config: {mistake}", file=sys.stderr)
    sys.exit(2)


wildcard_constraints:
    model=r"[^/]+",
    function=r"exp|silu|gelu",


# jobs find the commands of the environment that runs snakemake, activated or not
own_commands = shlex.quote(str(Path(sys.executable).parent))
shell.prefix(f"set -euo pipefail; export PATH={own_commands}:$PATH; ")
CHECKPOINT = ["model.safetensors", "config.json", "SHA256SUMS"]
ENVIRONMENT = "../../envs/mugi.yaml"
# threads of a job that runs a model: two such jobs side by side are faster than one on all cores
HALF = max(1, (workflow.cores or 4) // 2)


def checkpoint_of(wildcards):
    """The prepared checkpoint of an embedded model, the files of a folder, nothing for a hub id."""
    source = config["models"][wildcards.model]["source"]
    if source != "embedded":
        folder = Path(source)
        return sorted(map(str, [*folder.glob("*.safetensors"), *folder.glob("*.json")]))
    return expand("results/models/{{model}}/{file}", file=CHECKPOINT)


def model_arguments(wildcards):
    """How `mugi accuracy` names and loads a model."""
    model = config["models"][wildcards.model]
    source = model["source"]
    if source == "embedded":
        source = f"results/models/{wildcards.model}"
    return [
        source,
        f"--name={wildcards.model}",
        f"--dtype={model['dtype']}",
        f"--attention={model['attention']}",
        f"--device={model['device']}",
    ]


def data_of(wildcards):
    """The folder of clips or images of a model of speech or vision."""
    data = config["models"][wildcards.model].get("data", "digits")
    return [] if data == "digits" else [data]


def data_arguments(wildcards):
    """How `mugi accuracy` names them."""
    model = config["models"][wildcards.model]
    return [f"--{key}={model[key]}" for key in ("data", "examples") if key in model]


def options(name, values):
    """A repeated command-line option."""
    return [f"--{name}={value}" for value in values]


def drawn(name):
    """What a figure's or table's script writes."""
    folder = "tables" if name.startswith("table") else "figures"
    kinds = ["csv", "md", "tex"] if folder == "tables" else ["csv", "pdf", "png"]
    return [f"results/{folder}/{name}.{kind}" for kind in kinds]


def own_files(grids):
    """Designs, LLMs and technologies that the user describes in files of their own."""
    keys = ("design", "model", "technology")
    values = [grid[key] for grid in grids for key in keys if key in grid]
    names = [
        name
        for value in values
        for name in ([value] if isinstance(value, str) else value)
    ]
    return sorted({name for name in names if name.endswith((".yaml", ".yml"))})
