# The whole artifact as one workflow: configuration -> tables -> figures -> judged claims.
#
#   config.yaml                what is run; --configfile FILE puts another on top of it
#   workflow/rules/*.smk       the rules, a file a stage; each runs one `mugi` command
#   mugi/figures.yaml          the figures and tables, each drawn by figures/NAME.py
#   results/models             checkpoints of the models inside installed packages
#   results/accuracy           accuracy, sweep, profile, tuning; cells/ keeps finished measurements
#   results/approximations     errors of approximations, searched parameters
#   results/array, hardware, carbon   the simulated array, the cost model, carbon
#   results/rtl, gates         areas of the Verilog by open synthesis, beside the published ones
#   results/judge              claims under other assumptions, costs and sizes
#   results/figures, tables, claims   what is drawn and judged from these tables
#   results/report            the report: pages on all of it, from the tables
#   results/docs               what README.md and docs/ quote of the tables
#   results/logs, benchmarks   of each rule: what it said, time and memory
#   results/run.json           how the last run ended, and each of its jobs
#
# Paths of results are relative to the working directory (--directory). So are those that a
# configuration names, unless there is such a file beside it; all others are relative to this file.
from pathlib import Path
from os.path import relpath

from snakemake.utils import min_version

min_version("9.0")
BASE = Path(relpath(workflow.basedir))


configfile: BASE / "config.yaml"


report: "workflow/report/workflow.rst"


onstart:
    begin_run()
    begin_record()


include: "workflow/rules/arguments.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/record.smk"
include: "workflow/rules/approximations.smk"
include: "workflow/rules/accuracy.smk"
include: "workflow/rules/profile.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/array.smk"
include: "workflow/rules/hardware.smk"
include: "workflow/rules/rtl.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/docs.smk"


# On a cluster no jobs of their own: targets, and what takes seconds, as do figures
localrules:
    all,
    accuracy,
    approximations,
    array,
    bigbench,
    carbon,
    check_claims,
    claims,
    collect_accuracy,
    collect_fits,
    collect_hardware,
    collect_tuning,
    concentrate_inputs,
    document_results,
    figures,
    gates,
    hardware,
    judge,
    judge_breakeven,
    judge_claims,
    judge_gates,
    judge_survivors,
    look_up,
    open_technology,
    pages,
    rtl,
    write_manifest,
    write_report,


# Everything, what `snakemake` without a target makes
rule all:
    default_target: True
    input:
        all_of(
            rules.accuracy.input,
            rules.approximations.input,
            rules.array.input,
            rules.carbon.input,
            rules.claims.input,
            rules.document_results.output,
            rules.figures.input,
            rules.hardware.input,
            rules.judge.input,
            rules.pages.input,
            rules.rtl.input if config["rtl"]["libraries"] else [],
        ),


include: "workflow/rules/targets.smk"
