# What the rules share: the checked configuration, sources of a stage, arguments of a model.
import hashlib
import json
import re
from dataclasses import replace
from math import ceil, prod

import mugi
from mugi.config import check, read
from mugi.figures import add_figures
from mugi.files import sha256_of, write_text
from mugi.hardware import expand as expand_runs
from mugi.hardware.model import own_file
from mugi.llm.embedded import CLIPS, DIGITS, EMBEDDED
from mugi.runs import STATE

try:
    for path in profiles():  # Snakemake takes a key that stands twice here, too
        read_yaml(path)
    # Snakemake's own reader takes a key that stands twice and knows no lines. It lists config.yaml
    # behind the files that --configfile puts on top of it.
    *on_top, default = map(Path, workflow.configfiles)
    document = replace(read(default, *on_top), content=config).located()
    for typed_values in typed_config():
        document = document.updated(typed_values)
    if workflow.is_main_process:
        check(document)
    else:  # a job on a cluster reads all this again, twice; what submitted it has checked it
        for path in document.content["own_figures"]:
            add_figures(path)
except InputError as error:
    stop(*(mistake.at("config") for mistake in error.mistakes))
config.update(document.content)


wildcard_constraints:
    shard=r"\d+",
    shards=r"\d+",
    part=r"\d+",
    parts=r"\d+",
    model="|".join(map(re.escape, [*config["models"], *EMBEDDED])),
    function=r"exp|silu|gelu",


# jobs find the commands of the environment that runs snakemake, activated or not, and figures/
for variable, folder in {
    "PATH": Path(sys.executable).parent,
    "PYTHONPATH": workflow.basedir,
}.items():
    others = os.environ.get(variable)
    os.environ[variable] = f"{folder}{os.pathsep}{others}" if others else str(folder)
CHECKPOINT = ["model.safetensors", "config.json", "SHA256SUMS"]
SPEECH = "results/speech"  # clips and transcripts out of Debian's packages
SHARDS = config["shards"]
ENVIRONMENT = "../../envs/mugi.yaml"
PACKAGE = Path(relpath(Path(mugi.__file__).parent))
# stage -> what it is made of beside its own folder; all are made of documents, errors, files, runs, schema
BELOW = {
    "methods": ["bf16", "int4", "named"],
    "hardware": ["expressions", "assumptions"],
    "array": ["methods", "hardware"],
    "rtl": ["hardware", "project"],
    "analysis": ["methods"],
    "llm": ["methods", "machine"],
    "manifest": ["machine"],
    "record": ["manifest"],
    "carbon": ["hardware"],
    "accuracy": ["analysis", "llm", "arguments", "shards"],
    "claim": ["expressions", "units"],
    "quantities": ["claim"],
    "verdicts": ["claim"],
    "switches": ["assumptions", "verdicts"],
    "ledger": ["claim"],
    "conclusions": ["verdicts"],
    "claims": ["ledger", "quantities", "switches", "conclusions", "claims_text"],
    "judge": ["claims", "carbon", "methods"],
    "report": ["ledger", "verdicts", "figures", "hardware", "record"],
}
RUNS_A_JOB = 25_000  # of larger grids each job evaluates a part
LENGTHS = ("seq_len", "prompt_len", "output_len")  # of which a list makes many runs
# the longest jobs first: all wait for the checkpoint, the figures for the sweep
FIRST, SECOND, THIRD, FOURTH = 4, 3, 2, 1


def stage(*names):
    """The files of the package that a command of these stages is made of, whatever storage
    results have.

    A job reruns when one of them changes; Snakemake by itself does not look into modules.
    """
    names = {"documents", "errors", "files", "runs", "schema", *names}
    while lower := {name for high in names for name in BELOW.get(high, [])} - names:
        names |= lower
    return local(sorted({path for name in names for path in files_of(name)}))


def code_of(*names):
    """A digest of these stages' files: one parameter in place of a hundred inputs, for rules that
    may have hundreds of jobs."""
    digests = (sha256_of(Path(path)) for path in stage(*names))
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def files_of(name):
    """The module of a stage, or all files of its package, and its command."""
    paths = [
        str(path)
        for pattern in (f"{name}.*", f"{name}/**/*", f"commands/{name}.py")
        for path in PACKAGE.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    ]
    if not paths:
        raise FileNotFoundError(f"{PACKAGE} has no stage '{name}'")
    return paths


def checkpoint_of(wildcards):
    """The files of an embedded model's checkpoint or of a folder, a GGUF file, nothing of a hub."""
    source = config["models"][wildcards.model]["source"]
    if source != "embedded":
        place = Path(source)
        if place.is_file():
            return local([source])
        kinds = ("safetensors", "json", "gguf")
        files = (path for kind in kinds for path in place.glob(f"*.{kind}"))
        return local(sorted(map(str, files)))
    return expand("results/models/{{model}}/{file}", file=CHECKPOINT)


def model_arguments(wildcards, input):
    """How the commands name and load a model."""
    model = config["models"][wildcards.model]
    source = model["source"]
    if source == "embedded":
        source = str(Path(input.checkpoint[0]).parent)
    return [
        source,
        f"--name={wildcards.model}",
        f"--dtype={model['dtype']}",
        f"--attention={model['attention']}",
        f"--device={model['device']}",
    ]


def threads_of(wildcards):
    """The threads of a job that runs a model: jobs fill the cores sooner than threads do."""
    return config["models"][wildcards.model].get("threads", 1)


def gpus_of(wildcards):
    """GPUs that a cluster must give a job that runs a model: none on the CPU."""
    return int(config["models"][wildcards.model]["device"] != "cpu")


def shards_of(table):
    """What the jobs leave that a table's measurements of a model are split into, if they are."""
    pattern = f"results/accuracy/shards/{table}/{{{{model}}}}/{{shard}}_of_{SHARDS}"
    return expand(pattern, shard=range(1, SHARDS + 1)) if SHARDS > 1 else []


def shard_argument(wildcards):
    """Which part a job is."""
    return f"--shard={wildcards.shard}/{wildcards.shards}"


def parts_of(grids):
    """The jobs that evaluate grids: as many as shards, more for large grids, one by default."""
    most = sum(
        prod(len(entry) if isinstance(entry, list) else 1 for entry in grid.values())
        for grid in grids
    )
    if SHARDS == 1 and most <= RUNS_A_JOB:
        return 1
    runs = len(expand_runs(grids))  # some may stand in two grids
    return min(max(SHARDS, ceil(runs / RUNS_A_JOB)), runs)


def file_of(text):
    """A file of what may be longer than a command's argument; its name is the text's digest, so
    that a job reruns when it changes."""
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    path = STATE / "arguments" / name
    if (is_run or not is_main) and not path.is_file():
        write_text(path, text)
    return str(path)


def part_argument(wildcards):
    """Which part a job evaluates."""
    return f"--shard={wildcards.part}/{wildcards.parts}"


def data_of(wildcards):
    """The folder of clips or images of a model of speech or vision."""
    data = config["models"][wildcards.model].get("data", DIGITS)
    return [] if data == DIGITS else [SPEECH if data == CLIPS else local(data)]


def data_arguments(wildcards, input):
    """How `mugi accuracy` names them."""
    model = config["models"][wildcards.model]
    model = model | ({"data": str(input.data)} if model.get("data") == CLIPS else {})
    return [f"--{key}={model[key]}" for key in ("data", "examples") if key in model]


def on_text(arguments):
    """Arguments about text, which models of speech and vision are not given."""
    arguments = list(arguments)
    return lambda w: [] if "data" in config["models"][w.model] else arguments


def approximations_of(wildcards):
    """What runs on a model: its own approximations, or those of the section."""
    own = config["models"][wildcards.model].get("approximations")
    return options("approx", own or config["accuracy"]["approximations"])


def bos_of(section):
    """Whether texts begin with BOS; YAML reads yes and no as true and false."""
    bos = config[section].get("bos", "auto")
    return {True: "yes", False: "no"}.get(bos, bos)


def prompt_arguments():
    """How `mugi accuracy` writes the prompts of tasks: what the configuration says of it."""
    accuracy, arguments = config["accuracy"], []
    for key in ("task_window", "num_fewshot", "system_instruction"):
        if accuracy.get(key) is not None:
            arguments.append(f"--{key.replace('_', '-')}={accuracy[key]}")
    for key in ("apply_chat_template", "fewshot_as_multiturn"):
        if accuracy.get(key):
            arguments.append(f"--{key.replace('_', '-')}")
    return arguments


def options(name, values):
    """A repeated command-line option."""
    return [f"--{name}={value}" for value in values]


def own_files(grids):
    """Designs, LLMs and technologies that the user describes in files of their own."""
    named = {"model": set(), "design": set(), "technology": set()}
    for key, names in named.items():
        for value in (grid[key] for grid in grids if key in grid):
            names |= {value} if isinstance(value, str) else set(value)
    files = {own_file(name) for name in named.pop("model")} - {None}
    others = set().union(*named.values())
    return local(
        sorted(files | {name for name in others if name.endswith((".yaml", ".yml"))})
    )
