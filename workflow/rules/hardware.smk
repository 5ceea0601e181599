rule hardware:
    input:
        "results/hardware/hardware.csv",
        "results/hardware/breakdown.csv",


rule carbon:
    input:
        "results/carbon/carbon.csv",


rule evaluate_hardware:
    input:
        own_files=own_files(config["hardware"]),
        sources=sources(
            "mugi.commands.evaluate",
            "mugi/hardware/designs/*.yaml",
            "mugi/hardware/models/*.yaml",
            "mugi/hardware/technology/*.yaml",
        ),
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
        "mugi evaluate --grid <(echo {params.grid:q}) -o {output} "
        "2> >(tee {log} >&2)"


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
                if not isinstance(grid["seq_len"], list)
            ]
            or config["hardware"]
        ),
    message:
        "Area and energy of every component, without sweeps of the sequence length"
    shell:
        "mugi evaluate --grid <(echo {params.grid:q}) --breakdown {output} "
        "2> >(tee {log} >&2)"


rule account_carbon:
    input:
        hardware="results/hardware/hardware.csv",
        sources=sources("mugi.commands.carbon"),
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
        "mugi carbon {input.hardware} -o {output} 2> {log}"
