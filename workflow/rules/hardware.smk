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
            "mugi.hardware.command",
            "mugi/hardware/designs/*.yaml",
            "mugi/hardware/models/*.yaml",
            "mugi/hardware/technology/*.yaml",
        ),
    output:
        table="results/hardware/hardware.csv",
        breakdown="results/hardware/breakdown.csv",
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
        "mugi evaluate --grid <(echo {params.grid:q}) -o {output.table} "
        "--breakdown {output.breakdown} "
        "2> >(tee {log} >&2)"


rule account_carbon:
    input:
        hardware="results/hardware/hardware.csv",
        sources=sources("mugi.carbon", "mugi/data/carbon.yaml"),
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
