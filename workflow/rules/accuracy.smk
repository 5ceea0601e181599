# Accuracy of real models under approximations.


# Accuracy of all models: end to end, over the grids of Fig. 6, INT4 layers on the array
rule accuracy:
    input:
        expand("results/accuracy/{table}.csv", table=["accuracy", "sweep", "datapath"]),


# The checkpoint of a model whose weights are inside an installed package; all that runs it waits
rule prepare_model:
    input:
        sources=stage("llm", "prepare"),
    output:
        expand("results/models/{{model}}/{file}", file=CHECKPOINT),
    log:
        "results/logs/prepare_model/{model}.log",
    benchmark:
        "results/benchmarks/prepare_model/{model}.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        folder=subpath(output[0], parent=True),
    message:
        "Convert the packaged weights of {wildcards.model} to a checkpoint"
    shell:
        "mugi prepare {wildcards.model:q} -o {params.folder:q} > {log:q} 2>&1"


# Clips of speech with transcripts, for Whisper: not part of the default run
rule fetch_speech:
    input:
        script=local(str(BASE / "workflow" / "scripts" / "speech.sh")),
        sums=local(str(BASE / "workflow" / "scripts" / "speech.sha256")),
    output:
        directory(SPEECH),
    log:
        "results/logs/fetch_speech.log",
    benchmark:
        "results/benchmarks/fetch_speech.tsv"
    conda:
        ENVIRONMENT
    message:
        "Fetch clips of speech through apt-get, 18 MB"
    shell:
        "sh {input.script:q} {output:q} > {log:q} 2>&1"


# Perplexity, divergence and tasks under each approximation of the section `accuracy`
rule evaluate_accuracy:
    input:
        checkpoint=checkpoint_of,
        data=data_of,
        shards=shards_of("accuracy"),
        sources=stage("accuracy"),
    output:
        table="results/accuracy/models/{model}.csv",
        documents="results/accuracy/documents/{model}.csv",
        lm_eval="results/accuracy/lm_eval/{model}.json",
    log:
        "results/logs/evaluate_accuracy/{model}.log",
    benchmark:
        "results/benchmarks/evaluate_accuracy/{model}.tsv"
    priority: SECOND
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        data=data_arguments,
        approximations=approximations_of,
        perplexity=on_text(
            f"--{key.replace('_', '-')}={value}"
            for key, value in sorted(config["accuracy"]["perplexity"].items())
        ),
        corpora=on_text(options("corpus", config["accuracy"]["corpora"])),
        tasks=on_text(
            f"--tasks={task}={documents}"
            for task, documents in sorted(config["accuracy"]["tasks"].items())
        ),
        prompts=on_text(prompt_arguments()),
        bos=bos_of("accuracy"),
        seed=config["accuracy"]["seed"],
        cells=CELLS,
        to=lambda w, output: [
            f"--output={output.table}",
            f"--documents={output.documents}",
            f"--lm-eval-json={output.lm_eval}",
        ],
    message:
        "Accuracy of {wildcards.model} under approximations"
    shell:
        "mugi accuracy {params.model:q} {params.data:q} {params.approximations:q} {params.perplexity:q} "
        "{params.corpora:q} {params.tasks:q} {params.prompts:q} --bos {params.bos:q} "
        "--seed {params.seed:q} --threads {threads} --cells {params.cells:q} {params.to:q} > {log:q} 2>&1"


# Its measurements in parts, a job each, where `shards` of the configuration is more than 1; it then
# finds all of them in the cells
use rule evaluate_accuracy as evaluate_shard with:
    input:
        checkpoint=checkpoint_of,
        data=data_of,
    output:
        touch("results/accuracy/shards/accuracy/{model}/{shard}_of_{shards}"),
    log:
        "results/logs/evaluate_shard/{model}/{shard}_of_{shards}.log",
    benchmark:
        "results/benchmarks/evaluate_shard/{model}/{shard}_of_{shards}.tsv"
    params:
        to=shard_argument,
        code=code_of("accuracy"),
    message:
        "Accuracy of {wildcards.model} under approximations, part {wildcards.shard}"


# The same for one operation at a time, over the grids of Fig. 6
rule sweep_accuracy:
    input:
        checkpoint=checkpoint_of,
        shards=shards_of("sweep"),
        sources=stage("accuracy"),
    output:
        table="results/accuracy/sweep/{model}.csv",
    log:
        "results/logs/sweep_accuracy/{model}.log",
    benchmark:
        "results/benchmarks/sweep_accuracy/{model}.tsv"
    priority: SECOND
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        approximations=options(
            "approx",
            ["native"]
            + [
                f"{operation}={method}"
                for operation in ["softmax", "activation"]
                for method in ["exact", *config["sweep"][operation]]
            ],
        ),
        perplexity=[
            f"--{key.replace('_', '-')}={value}"
            for key, value in sorted(config["sweep"]["perplexity"].items())
        ],
        corpus=config["sweep"]["corpus"],
        bos=bos_of("sweep"),
        cells=CELLS,
        to=lambda w, output: [f"--output={output.table}"],
    message:
        "Perplexity of {wildcards.model} over the grids of Fig. 6"
    shell:
        "mugi accuracy {params.model:q} {params.approximations:q} {params.perplexity:q} "
        "--corpus {params.corpus:q} --bos {params.bos:q} --threads {threads} --cells {params.cells:q} "
        "{params.to:q} > {log:q} 2>&1"


# Its measurements in parts, as those of evaluate_accuracy
use rule sweep_accuracy as sweep_shard with:
    input:
        checkpoint=checkpoint_of,
    output:
        touch("results/accuracy/shards/sweep/{model}/{shard}_of_{shards}"),
    log:
        "results/logs/sweep_shard/{model}/{shard}_of_{shards}.log",
    benchmark:
        "results/benchmarks/sweep_shard/{model}/{shard}_of_{shards}.tsv"
    params:
        to=shard_argument,
        code=code_of("accuracy"),
    message:
        "Perplexity of {wildcards.model} over the grids of Fig. 6, part {wildcards.shard}"


# INT4 layers of a model, multiplied by the simulated array
rule multiply_layers:
    input:
        checkpoint=checkpoint_of,
        sources=stage("accuracy", "array", "datapath"),
    output:
        table="results/accuracy/datapath/{model}.csv",
    log:
        "results/logs/multiply_layers/{model}.log",
    benchmark:
        "results/benchmarks/multiply_layers/{model}.tsv"
    priority: FOURTH
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        woq=config["datapath"]["woq"],
        tokens=config["datapath"]["tokens"],
    message:
        "INT4 layers of {wildcards.model} on the simulated array"
    shell:
        "mugi datapath {params.model:q} --woq {params.woq:q} --tokens {params.tokens:q} "
        "--threads {threads} -o {output.table:q} > {log:q} 2>&1"


# The tables of all models as one
rule collect_accuracy:
    input:
        tables=lambda w: expand(
            "results/accuracy/{table}/{model}.csv",
            table=w.table.replace("accuracy", "models"),
            model=config[w.table]["models"],
        ),
        sources=stage("collect"),
    output:
        "results/accuracy/{table}.csv",
    log:
        "results/logs/collect_accuracy/{table}.log",
    benchmark:
        "results/benchmarks/collect_accuracy/{table}.tsv"
    wildcard_constraints:
        table="accuracy|sweep|datapath",
    conda:
        ENVIRONMENT
    message:
        "One {wildcards.table} table of all models"
    shell:
        "mugi collect {input.tables:q} -o {output:q} > {log:q} 2>&1"


# BIG-bench, which is not part of `all`: a download of 358 MB
rule bigbench:
    input:
        expand(
            "results/bigbench/{model}.csv",
            model=[
                name
                for name in config["accuracy"]["models"]
                if "data" not in config["models"][name]
            ],
        ),


# The tasks of BIG-bench out of its package
rule fetch_bigbench:
    input:
        sources=stage("accuracy", "bigbench"),
    output:
        directory("results/bigbench/tasks"),
    log:
        "results/logs/fetch_bigbench.log",
    benchmark:
        "results/benchmarks/fetch_bigbench.tsv"
    conda:
        ENVIRONMENT
    message:
        "Fetch BIG-bench through pip, 358 MB"
    shell:
        "mugi bigbench -o {output:q} > {log:q} 2>&1"


# Accuracy on BIG-bench under each approximation
rule evaluate_bigbench:
    input:
        checkpoint=checkpoint_of,
        tasks="results/bigbench/tasks",
        sources=stage("accuracy"),
    output:
        table="results/bigbench/{model}.csv",
        documents="results/bigbench/{model}_documents.csv",
    log:
        "results/logs/evaluate_bigbench/{model}.log",
    benchmark:
        "results/benchmarks/evaluate_bigbench/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: threads_of
    resources:
        gpu=gpus_of,
    params:
        model=model_arguments,
        approximations=options("approx", config["accuracy"]["approximations"]),
        tasks=[
            "mugi_social_iqa=100",
            "mugi_goal_step_wikihow=100",
            "mugi_wikipedia=10",
        ],
        cells=CELLS,
    message:
        "BIG-bench accuracy of {wildcards.model} under approximations"
    shell:
        "mugi accuracy {params.model:q} {params.approximations:q} --windows 0 "
        "--task-folder {input.tasks:q} --tasks {params.tasks:q} "
        "--threads {threads} --cells {params.cells:q} "
        "-o {output.table:q} --documents {output.documents:q} "
        "> {log:q} 2>&1"
