rule approximations:
    input:
        expand(
            "results/approximations/{function}.csv",
            function=config["approximations"],
        ),


rule approximate_function:
    input:
        sources=sources("mugi.approximations.command"),
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
        "mugi approximate {wildcards.function} {params.methods:q} -o {output} "
        "-- {params.range} 2> {log}"
