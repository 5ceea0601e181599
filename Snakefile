from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/approximations.smk"
include: "workflow/rules/accuracy.smk"
include: "workflow/rules/profile.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/array.smk"
include: "workflow/rules/hardware.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/claims.smk"


localrules:
    all,
    accuracy,
    approximations,
    bigbench,
    carbon,
    claims,
    figures,
    hardware,


rule all:
    default_target: True
    input:
        rules.accuracy.input,
        rules.approximations.input,
        rules.carbon.input,
        rules.claims.input,
        rules.figures.input,
        rules.hardware.input,
