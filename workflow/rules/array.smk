# The array, simulated cycle by cycle.


# The simulated array's bits and cycles
rule array:
    input:
        "results/array/simulated.csv",


# Bits against plain references, cycles and activations against the cost model
rule simulate_array:
    input:
        sources=stage("array", "simulate"),
    output:
        "results/array/simulated.csv",
    log:
        "results/logs/simulate_array.log",
    benchmark:
        "results/benchmarks/simulate_array.tsv"
    conda:
        ENVIRONMENT
    message:
        "The simulated array against plain references and the cost model"
    shell:
        "mugi simulate -o {output:q} > {log:q} 2>&1"


# Every signal of a small array during one operation
rule trace_array:
    input:
        sources=stage("array", "trace"),
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
        "mugi trace {wildcards.operation:q} -o {output:q} > {log:q} 2>&1"
