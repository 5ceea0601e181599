# The cost model: time, energy, area and carbon of accelerators on LLMs.


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
        sources=stage("hardware", "evaluate"),
    output:
        "results/hardware/hardware.csv",
    log:
        "results/logs/evaluate_hardware.log",
    benchmark:
        "results/benchmarks/evaluate_hardware.tsv"
    conda:
        ENVIRONMENT
    params:
        grid=json.dumps(config["hardware"]),
    message:
        "Time, energy and area of every configured accelerator"
    shell:
        "echo {params.grid:q} | mugi evaluate --grid /dev/stdin -o {output:q} > {log:q} 2>&1"


# The same by component; runs over many lengths would make millions of rows
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
        grid=json.dumps(
            [
                grid
                for grid in config["hardware"]
                if not any(isinstance(grid.get(length), list) for length in LENGTHS)
            ]
            or config["hardware"]
        ),
    message:
        "Area and energy of every component, without sweeps of the sequence length"
    shell:
        "echo {params.grid:q} | mugi evaluate --grid /dev/stdin --breakdown {output:q} > {log:q} 2>&1"


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
