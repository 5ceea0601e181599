# Approximations of functions, on every input and on those of real models.


# Errors of the methods of the section `approximations`
rule approximations:
    input:
        expand(
            "results/approximations/{function}.csv",
            function=config["approximations"],
        ),


# Error of the configured methods on every BF16 input of a range
rule approximate_function:
    input:
        sources=stage("analysis", "approximate"),
    output:
        "results/approximations/{function}.csv",
    log:
        "results/logs/approximate_function/{function}.log",
    benchmark:
        "results/benchmarks/approximate_function/{function}.tsv"
    conda:
        ENVIRONMENT
    params:
        range=lambda w: config["approximations"][w.function]["range"],
        methods=lambda w: options(
            "method", config["approximations"][w.function]["methods"]
        ),
    message:
        "Error of approximations of {wildcards.function}"
    shell:
        "mugi approximate {wildcards.function:q} {params.methods:q} -o {output:q} "
        "-- {params.range:q} > {log:q} 2>&1"


# The same of the methods that the sweep of Fig. 6 finds closest to exact
rule approximate_selected:
    input:
        sweep="results/accuracy/sweep.csv",
        sources=stage("analysis", "approximate"),
    output:
        "results/approximations/selected/{function}.csv",
    log:
        "results/logs/approximate_selected/{function}.log",
    benchmark:
        "results/benchmarks/approximate_selected/{function}.tsv"
    conda:
        ENVIRONMENT
    params:
        range=lambda w: config["approximations"][w.function]["range"],
    message:
        "Error of what Fig. 6 selects for {wildcards.function}"
    shell:
        "mugi approximate {wildcards.function:q} --sweep {input.sweep:q} -o {output:q} "
        "-- {params.range:q} > {log:q} 2>&1"


# One lookup table of VLP, and what inputs read in it
rule look_up:
    input:
        sources=stage("analysis", "lookup"),
    output:
        "results/approximations/lookup.csv",
    log:
        "results/logs/look_up.log",
    benchmark:
        "results/benchmarks/look_up.tsv"
    conda:
        ENVIRONMENT
    params:
        table=lambda w: [config["lookup"]["function"], config["lookup"]["method"]],
        inputs=options("input", config["lookup"]["inputs"]),
    message:
        "The lookup table of {params.table}"
    shell:
        "mugi lookup {params.table:q} {params.inputs:q} -o {output:q} > {log:q} 2>&1"


# Errors of all methods of a search on the inputs of a model
rule fit_approximations:
    input:
        table="results/accuracy/profile/{model}.parquet",
        samples="results/accuracy/profile/{model}.npz",
        sources=stage("analysis", "fit", "inputs"),
    output:
        "results/approximations/fit/{model}.csv",
    log:
        "results/logs/fit_approximations/{model}.log",
    benchmark:
        "results/benchmarks/fit_approximations/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        softmax=options("softmax", config["fit"]["softmax"]),
        activation=options("activation", config["fit"]["activation"]),
        layers=["--each-layer"] * config["fit"]["each_layer"],
        rows=config["fit"]["rows"],
    message:
        "Parameters of approximations that suit {wildcards.model}"
    shell:
        "mugi fit --profile {input.table:q} --samples {input.samples:q} "
        "{params.softmax:q} {params.activation:q} {params.layers:q} --rows {params.rows:q} "
        "-o {output:q} > {log:q} 2>&1"


# The same on its inputs times powers of two
rule fit_shifted:
    input:
        table="results/accuracy/profile/{model}.parquet",
        samples="results/accuracy/profile/{model}.npz",
        sources=stage("analysis", "fit", "inputs"),
    output:
        "results/approximations/shifted/{model}.csv",
    log:
        "results/logs/fit_shifted/{model}.log",
    benchmark:
        "results/benchmarks/fit_shifted/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        softmax=options("softmax", config["fit"]["shift"]["softmax"]),
        activation=options("activation", config["fit"]["shift"]["activation"]),
        shifts=options("shift", config["fit"]["shift"]["log2"]),
        rows=config["fit"]["rows"],
    message:
        "Approximations on larger and smaller inputs than those of {wildcards.model}"
    shell:
        "mugi fit --profile {input.table:q} --samples {input.samples:q} "
        "{params.softmax:q} {params.activation:q} {params.shifts:q} --rows {params.rows:q} "
        "--error weighted_absolute_error --error kl_divergence_nats -o {output:q} > {log:q} 2>&1"


# Error by input, times how often a model has that input
rule weigh_approximations:
    input:
        table="results/accuracy/profile/{model}.parquet",
        samples="results/accuracy/profile/{model}.npz",
        sweep="results/accuracy/sweep.csv",
        sources=stage("analysis", "weigh", "inputs"),
    output:
        "results/approximations/weighted/{model}.csv",
    log:
        "results/logs/weigh_approximations/{model}.log",
    benchmark:
        "results/benchmarks/weigh_approximations/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        softmax=options("softmax", config["approximations"]["exp"]["methods"]),
        activation=options("activation", config["approximations"]["silu"]["methods"]),
    message:
        "Where the error comes from in {wildcards.model}"
    shell:
        "mugi weigh --profile {input.table:q} --samples {input.samples:q} --sweep {input.sweep:q} "
        "{params.softmax:q} {params.activation:q} -o {output:q} > {log:q} 2>&1"


# The tables of all models as one
rule collect_fits:
    input:
        tables=lambda w: expand(
            "results/approximations/{table}/{model}.csv",
            table=w.table,
            model=config["fit"]["models"],
        ),
        sources=stage("collect"),
    output:
        "results/approximations/{table}.csv",
    log:
        "results/logs/collect_fits/{table}.log",
    benchmark:
        "results/benchmarks/collect_fits/{table}.tsv"
    wildcard_constraints:
        table="fit|shifted|weighted",
    conda:
        ENVIRONMENT
    message:
        "One {wildcards.table} table of all models"
    shell:
        "mugi collect {input.tables:q} -o {output:q} > {log:q} 2>&1"
