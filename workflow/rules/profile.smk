# What softmax and activation of real models get.


# How often each input is read from a LUT, at several lengths of text
rule profile_inputs:
    input:
        checkpoint=checkpoint_of,
        sources=stage("accuracy", "profile"),
    output:
        table="results/accuracy/profile/{model}.parquet",
        samples="results/accuracy/profile/{model}.npz",
    log:
        "results/logs/profile_inputs/{model}.log",
    benchmark:
        "results/benchmarks/profile_inputs/{model}.tsv"
    priority: THIRD
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        lengths=options("length", config["profile"]["lengths"]),
        tokens=config["profile"]["tokens"],
    message:
        "What the LUTs of {wildcards.model} see"
    shell:
        "mugi profile {params.model:q} {params.lengths:q} --tokens {params.tokens:q} "
        "--threads {threads} -o {output.table:q} --samples {output.samples:q} > {log:q} 2>&1"


# The same as the paper's program records it
rule profile_as_published:
    input:
        checkpoint=checkpoint_of,
        sources=stage("accuracy", "profile"),
    output:
        "results/accuracy/profile_as_published/{model}.parquet",
    log:
        "results/logs/profile_as_published/{model}.log",
    benchmark:
        "results/benchmarks/profile_as_published/{model}.tsv"
    priority: THIRD
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        length=max(config["profile"]["lengths"]),
        tokens=config["profile"]["tokens"],
    message:
        "What the published recipe records of {wildcards.model}"
    shell:
        "mugi profile {params.model:q} --recipe published --length {params.length:q} "
        "--tokens {params.tokens:q} --threads {threads} -o {output:q} > {log:q} 2>&1"


# Which exponents hold most of the inputs
rule concentrate_inputs:
    input:
        tables=expand(
            "results/accuracy/{kind}/{model}.parquet",
            kind=["profile", "profile_as_published"],
            model=config["profile"]["models"],
        ),
        sources=stage("accuracy", "concentration"),
    output:
        "results/accuracy/concentration.csv",
    log:
        "results/logs/concentrate_inputs.log",
    benchmark:
        "results/benchmarks/concentrate_inputs.tsv"
    conda:
        ENVIRONMENT
    message:
        "Where the inputs of softmax and activation lie"
    shell:
        "mugi concentration {input.tables:q} -o {output:q} > {log:q} 2>&1"
