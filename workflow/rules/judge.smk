# What the claims rest on, how sure they are, and where they hold.
from mugi.ledger import LEDGER

COSTS = options("costs", filter(None, [config["judge"]["costs"]]))
OWN_LEDGERS = local(config.get("own_claims", []))
LEDGERS = [str(LEDGER), *OWN_LEDGERS]


# The claims under other assumptions, other costs and other sizes
rule judge:
    input:
        "results/judge/switches.csv",
        "results/judge/universes.parquet",
        "results/judge/universes_in_gates.parquet",
        "results/judge/survives.md",
        "results/judge/sure.csv",
        "results/judge/variance.csv",
        "results/judge/where.csv",
        "results/judge/breakeven.csv",
        "results/judge/accuracy.csv",
        ["results/judge/sobol.csv"] if config["judge"]["sobol"] else [],


# Every claim of hardware and carbon with one assumption at a time set otherwise
rule judge_switches:
    input:
        hardware="results/hardware/hardware.csv",
        ledgers=OWN_LEDGERS,
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
        ledgers=options("ledger", LEDGERS) if OWN_LEDGERS else [],
    message:
        "Claims with one assumption at a time set otherwise"
    shell:
        "mugi judge switches {input.hardware:q} {params.names:q} {params.ledgers:q} -o {output:q} "
        "> {log:q} 2>&1"


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
        "mugi judge universes {input.hardware:q} --count {params.draws:q} -o {output.universes:q}"
        " --summary {output.summary:q} --indices {output.indices:q} > {log:q} 2>&1"


# The same where the switches of synthesis are drawn too: a second curve, of fewer draws
rule judge_universes_in_gates:
    input:
        hardware="results/hardware/hardware.csv",
        sources=stage("judge"),
    output:
        universes="results/judge/universes_in_gates.parquet",
        summary="results/judge/curve_in_gates.csv",
        indices="results/judge/indices_in_gates.csv",
    log:
        "results/logs/judge_universes_in_gates.log",
    benchmark:
        "results/benchmarks/judge_universes_in_gates.tsv"
    conda:
        ENVIRONMENT
    params:
        draws=max(20, config["judge"]["universes"] // 10),
    message:
        "The abstract's claims in {params.draws} universes, what synthesis found among them"
    shell:
        "mugi judge universes {input.hardware:q} --synthesised --count {params.draws:q}"
        " -o {output.universes:q} --summary {output.summary:q} --indices {output.indices:q}"
        " > {log:q} 2>&1"


# What survives of the abstract's claims, in words
rule judge_survivors:
    input:
        hardware="results/hardware/hardware.csv",
        switches=rules.judge_switches.output,
        curve=rules.judge_universes.output.summary,
        indices=rules.judge_universes.output.indices,
        where="results/judge/where.csv",
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
        "mugi judge survives {input.hardware:q} --switches {input.switches:q} --curve {input.curve:q}"
        " --indices {input.indices:q} --where {input.where:q} -o {output:q} > {log:q} 2>&1"


# The abstract's claims and Mugi's leads over each rival in draws of unit costs
rule judge_sure:
    input:
        costs=local(config["judge"]["costs"] or []),
        sources=stage("judge"),
    output:
        "results/judge/sure.csv",
    log:
        "results/logs/judge_sure.log",
    benchmark:
        "results/benchmarks/judge_sure.tsv"
    conda:
        ENVIRONMENT
    params:
        draws=config["judge"]["draws"],
        costs=COSTS,
    message:
        "Leads in {params.draws} draws of component costs"
    shell:
        "mugi judge sure --draws {params.draws:q} {params.costs:q} -o {output:q} > {log:q} 2>&1"


# What the spread of these leads is made of
rule judge_variance:
    input:
        costs=rules.judge_sure.input.costs,
        sources=stage("judge"),
    output:
        "results/judge/variance.csv",
    log:
        "results/logs/judge_variance.log",
    benchmark:
        "results/benchmarks/judge_variance.tsv"
    conda:
        ENVIRONMENT
    params:
        costs=COSTS,
    message:
        "Shares of the variance of leads, by source"
    shell:
        "mugi judge variance {params.costs:q} -o {output:q} > {log:q} 2>&1"


# Mugi against the best rival, over batch size, length and array height
rule judge_where:
    input:
        own_files=own_files([config["judge"]["where"]]),
        sources=stage("judge"),
    output:
        "results/judge/where.csv",
    log:
        "results/logs/judge_where.log",
    benchmark:
        "results/benchmarks/judge_where.tsv"
    conda:
        ENVIRONMENT
    params:
        points=[
            text
            for name, values in sorted(config["judge"]["where"].items())
            for text in [f"--{name.replace('_', '-')}", *values]
        ],
    message:
        "Mugi against the best rival by batch size, length and array height"
    shell:
        "mugi judge where {params.points:q} -o {output:q} > {log:q} 2>&1"


# How long, on which grid, until use has emitted what manufacture did
rule judge_breakeven:
    input:
        sources=stage("judge"),
    output:
        "results/judge/breakeven.csv",
    log:
        "results/logs/judge_breakeven.log",
    benchmark:
        "results/benchmarks/judge_breakeven.tsv"
    conda:
        ENVIRONMENT
    message:
        "Break-even of carbon"
    shell:
        "mugi judge breakeven -o {output:q} > {log:q} 2>&1"


# The paper's chips as listed and as built in gates
rule judge_gates:
    input:
        sources=stage("judge"),
    output:
        "results/gates/chips.csv",
    log:
        "results/logs/judge_gates.log",
    benchmark:
        "results/benchmarks/judge_gates.tsv"
    conda:
        ENVIRONMENT
    message:
        "Chips as listed and as built in gates"
    shell:
        "mugi judge gates -o {output:q} > {log:q} 2>&1"


# What approximations cost each model, next to what INT4 costs
rule judge_accuracy:
    input:
        accuracy="results/accuracy/accuracy.csv",
        documents=expand(
            "results/accuracy/documents/{model}.csv",
            model=config["accuracy"]["models"],
        ),
        sources=stage("judge", "methods"),
    output:
        "results/judge/accuracy.csv",
    log:
        "results/logs/judge_accuracy.log",
    benchmark:
        "results/benchmarks/judge_accuracy.tsv"
    conda:
        ENVIRONMENT
    message:
        "What approximations cost, and what can be told from 0"
    shell:
        "mugi judge accuracy {input.accuracy:q} --documents {input.documents:q} -o {output:q} > {log:q} 2>&1"


# What the strongest assumptions do alone and in all, where the configuration asks for it
rule judge_sobol:
    input:
        hardware="results/hardware/hardware.csv",
        indices=rules.judge_universes.output.indices,
        sources=stage("judge"),
    output:
        "results/judge/sobol.csv",
    log:
        "results/logs/judge_sobol.log",
    benchmark:
        "results/benchmarks/judge_sobol.tsv"
    conda:
        ENVIRONMENT
    params:
        samples=config["judge"]["sobol"] or 256,
    message:
        "Sobol indices of the abstract's claims"
    shell:
        "mugi judge sobol {input.hardware:q} --indices {input.indices:q} --samples {params.samples:q}"
        " -o {output:q} > {log:q} 2>&1"
