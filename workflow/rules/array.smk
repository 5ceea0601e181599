rule trace_array:
    input:
        sources=sources("mugi.array.trace"),
    output:
        "results/array/{operation}.csv",
    log:
        "results/logs/trace_array/{operation}.log",
    benchmark:
        "results/benchmarks/trace_array/{operation}.tsv"
    wildcard_constraints:
        operation=r"gemm|exp|silu|gelu",
    conda:
        ENVIRONMENT
    message:
        "Signals of the simulated array: {wildcards.operation}"
    shell:
        "mugi trace {wildcards.operation} -o {output} 2> {log}"
