# The cost model: time, energy, area and carbon of accelerators on LLMs.
BROKEN_DOWN = [  # runs over many lengths would make millions of rows
    grid
    for grid in config["hardware"]
    if not any(isinstance(grid.get(length), list) for length in LENGTHS)
] or config["hardware"]
PARTS = {
    "hardware": parts_of(config["hardware"]),
    "breakdown": parts_of(BROKEN_DOWN),
}


# What the cost model says of every run
rule hardware:
    input:
        "results/hardware/hardware.csv",
        "results/hardware/breakdown.csv",


# Carbon of every run
rule carbon:
    input:
        "results/carbon/carbon.csv",


# Time, energy and area of all runs of the section `hardware`
rule evaluate_hardware:
    input:
        own_files=own_files(config["hardware"]),
        sources=stage("hardware", "evaluate", "shards"),
    output:
        "results/hardware/hardware.csv",
    log:
        "results/logs/evaluate_hardware.log",
    benchmark:
        "results/benchmarks/evaluate_hardware.tsv"
    conda:
        ENVIRONMENT
    params:
        grid=file_of(json.dumps(config["hardware"])),
        part=[],
    message:
        "Time, energy and area of every configured accelerator"
    shell:
        "mugi evaluate --grid {params.grid:q} {params.part:q} -o {output:q} > {log:q} 2>&1"


# The same by component
rule break_down_hardware:
    input:
        own_files=rules.evaluate_hardware.input.own_files,
        sources=rules.evaluate_hardware.input.sources,
    output:
        "results/hardware/breakdown.csv",
    log:
        "results/logs/break_down_hardware.log",
    benchmark:
        "results/benchmarks/break_down_hardware.tsv"
    conda:
        ENVIRONMENT
    params:
        grid=file_of(json.dumps(BROKEN_DOWN)),
        part=[],
    message:
        "Area and energy of every component, without sweeps of the sequence length"
    shell:
        "mugi evaluate --grid {params.grid:q} {params.part:q} --breakdown {output:q} > {log:q} 2>&1"


# A part of the runs, of large grids or where `shards` of the configuration is more than 1
use rule evaluate_hardware as evaluate_part with:
    input:
        own_files=rules.evaluate_hardware.input.own_files,
    output:
        "results/hardware/parts/hardware/{part}_of_{parts}.csv",
    log:
        "results/logs/evaluate_part/{part}_of_{parts}.log",
    benchmark:
        "results/benchmarks/evaluate_part/{part}_of_{parts}.tsv"
    params:
        part=part_argument,
        code=code_of("hardware", "evaluate", "shards"),
    message:
        "Time, energy and area, part {wildcards.part}"


# The same by component
use rule break_down_hardware as break_down_part with:
    input:
        own_files=rules.evaluate_hardware.input.own_files,
    output:
        "results/hardware/parts/breakdown/{part}_of_{parts}.csv",
    log:
        "results/logs/break_down_part/{part}_of_{parts}.log",
    benchmark:
        "results/benchmarks/break_down_part/{part}_of_{parts}.tsv"
    params:
        part=part_argument,
        code=code_of("hardware", "evaluate", "shards"),
    message:
        "Area and energy of every component, part {wildcards.part}"


# All parts below each other
rule collect_hardware:
    input:
        tables=lambda w: expand(
            "results/hardware/parts/{table}/{part}_of_{parts}.csv",
            table=w.table,
            part=range(1, PARTS[w.table] + 1),
            parts=PARTS[w.table],
        ),
        sources=stage("collect"),
    output:
        "results/hardware/{table}.csv",
    log:
        "results/logs/collect_hardware/{table}.log",
    benchmark:
        "results/benchmarks/collect_hardware/{table}.tsv"
    wildcard_constraints:
        # of those that are in parts; none has this other name
        table="|".join(table for table in PARTS if PARTS[table] > 1) or "in_parts",
    conda:
        ENVIRONMENT
    message:
        "One {wildcards.table} table of all parts"
    shell:
        "mugi collect {input.tables:q} -o {output:q} > {log:q} 2>&1"


ruleorder: collect_hardware > evaluate_hardware
ruleorder: collect_hardware > break_down_hardware


# Operational and embodied carbon, from the table of runs, by the paper's accounting and corrected
rule account_carbon:
    input:
        hardware="results/hardware/hardware.csv",
        sources=stage("carbon"),
    output:
        "results/carbon/carbon.csv",
    log:
        "results/logs/account_carbon.log",
    benchmark:
        "results/benchmarks/account_carbon.tsv"
    conda:
        ENVIRONMENT
    message:
        "Operational and embodied carbon of every run"
    shell:
        "mugi carbon {input.hardware:q} --preset as-published --preset corrected -o {output:q} "
        "> {log:q} 2>&1"
