# Areas of the Verilog in rtl/ by open synthesis. Reports and the model take them from the package's
# table (mugi/rtl/areas/osu018.csv), which this stage makes anew and compares.
LIBERTY = {
    str(Path(library).stem): library
    for library in config["rtl"]["libraries"] or ["osu018"]
}


wildcard_constraints:
    library="|".join(map(re.escape, LIBERTY)),


# The areas in every library, and technologies that have them
rule rtl:
    input:
        expand(
            "results/rtl/{library}.{ending}", library=LIBERTY, ending=["csv", "yaml"]
        ),
        expand("results/rtl/technology/45nm_{library}.yaml", library=LIBERTY),


# Every unit of the arrays, synthesised at one clock
rule synthesise:
    input:
        verilog=local(sorted(str(path) for path in (BASE / "rtl").glob("*.v"))),
        liberty=lambda w: (
            LIBERTY[w.library] if Path(LIBERTY[w.library]).is_file() else []
        ),
        sources=stage("rtl"),
    output:
        areas="results/rtl/{library}.csv",
        made_by="results/rtl/{library}.yaml",
    log:
        "results/logs/synthesise/{library}.log",
    benchmark:
        "results/benchmarks/synthesise/{library}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    params:
        liberty=lambda w: LIBERTY[w.library],
    message:
        "Areas of the Verilog on {wildcards.library}"
    shell:
        "mugi rtl table --liberty {params.liberty:q} --jobs {threads} -o {output.areas:q} "
        "> {log:q} 2>&1"


# The published technology with these areas
rule open_technology:
    input:
        areas="results/rtl/{library}.csv",
        sources=stage("rtl"),
    output:
        "results/rtl/technology/45nm_{library}.yaml",
    log:
        "results/logs/open_technology/{library}.log",
    benchmark:
        "results/benchmarks/open_technology/{library}.tsv"
    conda:
        ENVIRONMENT
    message:
        "A technology with the areas on {wildcards.library}"
    shell:
        "mugi rtl technology {input.areas:q} -o {output:q} > {log:q} 2>&1"


# The package's areas beside the published ones, unit by unit and array by array
rule gates:
    input:
        areas=local(str(PACKAGE / "rtl" / "areas" / "osu018.csv")),
        sources=stage("rtl"),
    output:
        parts="results/gates/parts.csv",
        sums="results/gates/arrays.csv",
        units="results/gates/units.csv",
    log:
        "results/logs/gates.log",
    benchmark:
        "results/benchmarks/gates.tsv"
    conda:
        ENVIRONMENT
    message:
        "Synthesised areas beside the published ones"
    shell:
        "mugi rtl compare {input.areas:q} --units {output.units:q} --sums {output.sums:q} "
        "-o {output.parts:q} > {log:q} 2>&1"
