# A target that nothing makes is answered with what there is, before the first job.

STAGES = sorted(
    made.name for made in workflow.rules if not made.output and made.name != "all"
)


def unmade(target):
    """The mistake of a target that is no rule, nor a file of one."""
    makes = workflow.is_rule(target) or any(
        made.is_producer(target) for made in workflow.rules
    )
    if makes:
        return []
    files = [
        str(path)
        for made in workflow.rules
        for path in made.products()
        if not path.contains_wildcard()
    ]
    names = [*FIGURES, *STAGES]
    near = closest(target, files if os.sep in target else [*names, "all"])
    return [Mistake(f"unknown target '{target}'", "snakemake", tuple(names), near)]


stop(*(mistake for target in sorted(typed.targets) for mistake in unmade(target)))

# snakemake --report shows what there is of a run that is not finished
if REPORTING and not report_has["made"]:
    stop(
        Mistake("nothing to report yet; run `snakemake`, or name a target", "snakemake")
    )
if REPORTING and report_has["missing"]:
    print(
        f"snakemake: not made yet, left out: {', '.join(report_has['missing'])}",
        file=sys.stderr,
    )

# The plugin of S3 (0.3.6) makes its keys of patterns before Snakemake adds wildcard_constraints
for made in workflow.rules:
    stored = [file.storage_object for file in made.output if file.is_storage]
    for place in stored:
        place.__post_init__()
    if stored:
        made.update_wildcard_constraints()
