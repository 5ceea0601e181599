# What the command line says and Snakemake by itself takes otherwise, or ends in a traceback.
import os
import sys

from snakemake.cli import get_argument_parser, get_profile_dir

from mugi.errors import InputError, Mistake, closest
from mugi.files import parse_yaml, read_yaml

# what was typed, without profiles; nothing where another program runs the workflow
by_command = "snakemake" in Path(sys.argv[0]).parts[-2:]
typed, _ = get_argument_parser().parse_known_args(sys.argv[1:] * by_command)
named_by_profile = typed.profile or typed.workflow_profile or typed.executor
REPORTING = bool(typed.report) and not typed.report_after_run


def stop(*mistakes):
    """End with one line for each mistake and no traceback, if there are any."""
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if mistakes:
        sys.exit(2)


if not os.access(".", os.W_OK):
    stop(
        Mistake(
            "not writable; name a folder for the results: snakemake --directory FOLDER",
            os.getcwd(),
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
