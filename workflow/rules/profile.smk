rule profile_inputs:
    input:
        checkpoint=checkpoint_of,
        sources=sources("mugi.accuracy.profile"),
    output:
        table="results/accuracy/profile/{model}.parquet",
        samples="results/accuracy/profile/{model}.npz",
    log:
        "results/logs/profile_inputs/{model}.log",
    benchmark:
        "results/benchmarks/profile_inputs/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: HALF
    params:
        model=model_arguments,
        lengths=options("length", config["profile"]["lengths"]),
        tokens=config["profile"]["tokens"],
    message:
        "What the LUTs of {wildcards.model} see"
    shell:
        "mugi profile {params.model:q} {params.lengths} --tokens {params.tokens} "
        "--threads {threads} -o {output.table} --samples {output.samples} 2> {log}"


rule profile_as_published:
    input:
        checkpoint=checkpoint_of,
        sources=sources("mugi.accuracy.profile"),
    output:
        "results/accuracy/profile_as_published/{model}.parquet",
    log:
        "results/logs/profile_as_published/{model}.log",
    benchmark:
        "results/benchmarks/profile_as_published/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: HALF
    params:
        model=model_arguments,
        length=max(config["profile"]["lengths"]),
        tokens=config["profile"]["tokens"],
    message:
        "What the published recipe records of {wildcards.model}"
    shell:
        "mugi profile {params.model:q} --recipe published --length {params.length} "
        "--tokens {params.tokens} --threads {threads} -o {output} 2> {log}"


rule concentrate_inputs:
    input:
        tables=expand(
            "results/accuracy/{kind}/{model}.parquet",
            kind=["profile", "profile_as_published"],
            model=config["profile"]["models"],
        ),
        sources=sources("mugi.accuracy.concentration"),
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
        "mugi concentration {input.tables} -o {output} 2> {log}"
