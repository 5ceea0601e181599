# What the command line says and Snakemake by itself takes otherwise, or ends in a traceback.
import os
import shlex
import sys

from snakemake.cli import get_argument_parser, get_profile_dir

from mugi.errors import InputError, Mistake, closest
from mugi.documents import parse_yaml, read_yaml
from mugi.runs import begin, can_lock, changed, refuse_second, was_killed

# what was typed, without profiles; nothing where another program runs the workflow
by_command = "snakemake" in Path(sys.argv[0]).parts[-2:]
typed, _ = get_argument_parser().parse_known_args(sys.argv[1:] * by_command)
named_by_profile = typed.profile or typed.workflow_profile or typed.executor
CELLS = "results/accuracy/cells"  # finished measurements, read by every later run
REPORTING = bool(typed.report) and not typed.report_after_run


def stop(*mistakes):
    """End with one line for each mistake and no traceback, if there are any."""
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if mistakes:
        sys.exit(2)


ELSEWHERE = "name a folder for the results: snakemake --directory FOLDER"
stop(
    *(
        Mistake(f"not writable; {ELSEWHERE}", os.path.abspath(place))
        for place in (".", "results")
        if os.path.exists(place) and not os.access(place, os.W_OK)
    )
)
# what only looks at a folder, or at the workflow, and waits for no other run
LOOKS = {
    *("dryrun", "lint", "unlock", "report", "summary", "detailed_summary", "archive"),
    *("dag", "rulegraph", "filegraph", "d3dag", "list_rules", "list_target_rules"),
    *("list_changes", "list_input_changes", "list_params_changes", "list_untracked"),
}
is_main = by_command and workflow.is_main_process  # not the part on a cluster's node
is_run = is_main and not any(getattr(typed, name) for name in LOOKS)
HERE = Path.cwd()


def unlocking():
    """The command that takes away the lock of a run that was killed."""
    program = sys.argv[0] if Path(sys.argv[0]).name == "snakemake" else "snakemake"
    named = {"--snakefile": typed.snakefile, "--directory": typed.directory}
    places = [str(text) for pair in named.items() if pair[1] for text in pair]
    return shlex.join([program, "--unlock", *places])


def begin_run():
    """Take the folder for this run, before its first job."""
    try:
        begin(HERE)
    except InputError as error:
        stop(*error.mistakes)


if is_run or (is_main and typed.unlock):
    try:
        refuse_second(HERE)
    except InputError as error:
        stop(*error.mistakes)
if is_run and was_killed(HERE):
    lost = "a run was killed here; what it finished is kept. Take its lock away with"
    if not can_lock(HERE):  # nor can a run that is alive be told from a dead one
        lost = "a run is at work here, or was killed: files cannot be locked here, so that only you"
        lost += " can tell. Wait for it; if there is none, take its lock away with"
    stop(Mistake(f"{lost} `{unlocking()}`, then run again", str(HERE)))
if is_run:
    edited = "cut or edited since the workflow made it; delete it, and it is made again"
    own_pages = Path("results", "report")  # which `mugi report` writes as well
    stop(
        *(
            Mistake(edited, str(path))
            for path in changed(HERE)
            if Path(CELLS) not in path.parents and own_pages not in path.parents
        )
    )
# `-j 8` alone would be at most 8 jobs on the cores of profiles/default: locally it means 8 cores
if typed.jobs and not typed.cores and not named_by_profile:
    workflow.resource_settings.cores = workflow.global_resources["_cores"] = typed.jobs
    workflow.resource_settings.nodes = workflow.global_resources["_nodes"] = None


def profiles():
    """The files of the project's profiles and of those that this call names."""
    names = [
        *(typed.profile or []),
        typed.workflow_profile,
        os.environ.get("SNAKEMAKE_PROFILE"),
    ]
    from_here = Path(os.environ.get("PWD", "."))  # --directory has changed it by now
    named = [
        get_profile_dir(str(place))
        for name in names
        if name
        for place in (from_here / name, name)
    ]
    return sorted(
        {*BASE.glob("profiles/*/*.yaml"), *(file for _, file in filter(None, named))}
    )


def typed_config():
    """The values of --config as YAML; Snakemake takes numbers within braces for text."""
    for pair in typed.config or []:
        key, _, text = pair.partition("=")
        yield parse_yaml(f"--config {key}", f"{key}: {text}")


report_has = {"made": [], "missing": []}


def reported(path, **how):
    """A file of the report; while that is made, of those that are there."""
    is_there = os.path.exists(path)
    report_has["made" if is_there else "missing"].append(Path(path).stem)
    return report(path, **how) if is_there or not REPORTING else path


def all_of(*groups):
    """The files of several rules; for a report, those that are there."""
    paths = [path for group in groups for path in group]
    return [path for path in paths if not REPORTING or os.path.exists(path)]
