# A LUT window for the softmax of each layer.


# Candidates layer by layer, and what the choices do on another text
rule tune_softmax:
    input:
        checkpoint=checkpoint_of,
        sources=stage("accuracy", "tune"),
    output:
        summary="results/accuracy/tuning/{model}.csv",
        curve="results/accuracy/tuning_curve/{model}.csv",
        surface="results/accuracy/tuning_surface/{model}.csv",
    log:
        "results/logs/tune_softmax/{model}.log",
    benchmark:
        "results/benchmarks/tune_softmax/{model}.tsv"
    priority: THIRD
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        anchors=[
            f"--{name.replace('_', '-')}={value}"
            for name in ["max_exp", "min_exp"]
            for value in config["tuning"][name]
        ],
        settings=[
            f"--{name.replace('_', '-')}={config['tuning'][name]}"
            for name in [
                *["base", "default", "tries"],
                *["text", "window", "windows", "held_out_windows"],
            ]
        ],
        cells=CELLS,
    message:
        "Tune the softmax of each layer of {wildcards.model}"
    shell:
        "mugi tune {params.model:q} {params.anchors:q} {params.settings:q} --threads {threads} "
        "--cells {params.cells:q} -o {output.summary:q} --curve {output.curve:q} "
        "--surface {output.surface:q} > {log:q} 2>&1"


# The tables of all models as one
rule collect_tuning:
    input:
        tables=expand(
            "results/accuracy/{{table}}/{model}.csv", model=config["tuning"]["models"]
        ),
        sources=stage("collect"),
    output:
        "results/accuracy/{table}.csv",
    log:
        "results/logs/collect_tuning/{table}.log",
    benchmark:
        "results/benchmarks/collect_tuning/{table}.tsv"
    wildcard_constraints:
        table="tuning|tuning_curve|tuning_surface",
    conda:
        ENVIRONMENT
    message:
        "One {wildcards.table} table of all models"
    shell:
        "mugi collect {input.tables:q} -o {output:q} > {log:q} 2>&1"
