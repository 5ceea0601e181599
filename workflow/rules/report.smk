# The report, from results alone; `snakemake --report` makes another, of how each file came to be.
from mugi.manifest import ROOT, checkout


# The pages on everything that was found
rule pages:
    input:
        "results/report/index.html",


# Code, configuration, packages and machine; another commit or configuration writes it again
rule write_manifest:
    input:
        sources=stage("manifest"),
    output:
        "results/manifest.json",
    log:
        "results/logs/write_manifest.log",
    benchmark:
        "results/benchmarks/write_manifest.tsv"
    conda:
        ENVIRONMENT
    params:
        config=file_of(json.dumps(config, sort_keys=True)),
        code=json.dumps(checkout(ROOT)),
    message:
        "What this run is made by"
    shell:
        "mugi manifest {params.config:q} -o {output:q} > {log:q} 2>&1"


# The report; a folder that lacks tables has one too: mugi report results -o results/report
rule write_report:
    input:
        manifest="results/manifest.json",
        tables=[
            rules.accuracy.input,
            rules.hardware.input,
            rules.carbon.input,
            rules.claims.input,
            rules.judge.input,
            rules.figures.input,
        ],
        sources=stage("report"),
    output:
        "results/report/index.html",
        "results/report/report.md",
    log:
        "results/logs/write_report.log",
    benchmark:
        "results/benchmarks/write_report.tsv"
    conda:
        ENVIRONMENT
    params:
        results=subpath(input.manifest, parent=True),
        folder=subpath(output[0], parent=True),
    message:
        "The report"
    shell:
        "mugi report {params.results:q} -o {params.folder:q} > {log:q} 2>&1"
