# What the claims rest on, how sure they are, and where they hold.


# The claims under other assumptions, other costs and other sizes
rule judge:
    input:
        "results/judge/switches.csv",
        "results/judge/universes.parquet",
        "results/judge/survives.md",


# Every claim of hardware and carbon with one assumption at a time set otherwise
rule judge_switches:
    input:
        hardware="results/hardware/hardware.csv",
        sources=stage("judge"),
    output:
        "results/judge/switches.csv",
    log:
        "results/logs/judge_switches.log",
    benchmark:
        "results/benchmarks/judge_switches.tsv"
    conda:
        ENVIRONMENT
    params:
        names=[
            f"--assumption={name}"
            for name in config["judge"]["assumptions"]
            if config["judge"]["assumptions"] != "all"
        ],
    message:
        "Claims with one assumption at a time set otherwise"
    shell:
        "mugi judge switches {input.hardware} {params.names} -o {output} > {log} 2>&1"


# The abstract's claims in universes drawn over all assumptions
rule judge_universes:
    input:
        hardware="results/hardware/hardware.csv",
        sources=stage("judge"),
    output:
        universes="results/judge/universes.parquet",
        summary="results/judge/curve.csv",
        indices="results/judge/indices.csv",
    log:
        "results/logs/judge_universes.log",
    benchmark:
        "results/benchmarks/judge_universes.tsv"
    conda:
        ENVIRONMENT
    params:
        draws=config["judge"]["universes"],
    message:
        "The abstract's claims in {params.draws} universes"
    shell:
        "mugi judge universes {input.hardware} --count {params.draws} -o {output.universes}"
        " --summary {output.summary} --indices {output.indices} > {log} 2>&1"


# What survives of the abstract's claims, in words
rule judge_survivors:
    input:
        hardware="results/hardware/hardware.csv",
        switches=rules.judge_switches.output,
        curve=rules.judge_universes.output.summary,
        indices=rules.judge_universes.output.indices,
        sources=stage("judge"),
    output:
        "results/judge/survives.md",
    log:
        "results/logs/judge_survivors.log",
    benchmark:
        "results/benchmarks/judge_survivors.tsv"
    conda:
        ENVIRONMENT
    message:
        "What survives, in words"
    shell:
        "mugi judge survives {input.hardware} --switches {input.switches} --curve {input.curve}"
        " --indices {input.indices} -o {output} > {log} 2>&1"
