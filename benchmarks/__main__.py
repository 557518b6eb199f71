"""`python -m benchmarks NAME ...`: run a measurement."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measurements beside plain baselines.")
commands = parser.add_subparsers(dest="command", required=True)
sets = commands.add_parser("sets", help="accuracy on public multi-view sets, beside plain models")
sets.add_argument("names", nargs="*", default=["pie_faces", "breast_tcga"], help="sets, by file name without .npz")
sets.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
sets.add_argument("--splits", type=int, default=5, help="random splits of sets without an official one")
sets.add_argument("--options", nargs="+", default=[], help="rows, such as fusion=free margin_kind=cosface,margin=0.1")
sets.add_argument("--tune", action="store_true", help="split the training part again and leave the test part alone")
classifier = commands.add_parser("classifier", help="time and memory of the loss over many classes, beside rivals")
classifier.add_argument("--sizes", nargs="+", default=[], help="classes x width, such as 10kx128; all by default")
classifier.add_argument("--rounds", type=int, default=15, help="that count; from a million classes on 3 at most")
classifier.add_argument("--no-memory", action="store_true", help="measure times only")
classifier.add_argument("--json", type=Path, help="a file for everything measured")
digits = commands.add_parser("digits", help="spoken digits from raw sound, alone or paired with written ones")
digits.add_argument("names", nargs="*", help="splits: official or a speaker left out; all by default")
digits.add_argument("--data", type=Path, help="the archive's folder; the variable STERADIAN_DATA by default")
digits.add_argument("--paired", action="store_true", help="with written digits, either of them missing")
digits.add_argument("--seeds", type=int, default=1, help="trainings of each split")
digits.add_argument("--tune", action="store_true", help="split the training part again and leave the test part alone")
inputs = commands.add_parser("input", help="speed of reading and embedding, and a step's share of waiting for data")
inputs.add_argument("names", nargs="*", help="kinds of modality; all by default")
inputs.add_argument("--objects", type=int, default=2000, help="rows of each table")
inputs.add_argument("--steps", type=int, default=48, help="training steps that count")
inputs.add_argument("--json", type=Path, help="a file for everything measured")
claims = commands.add_parser("claims", help="seconds to a target, scores and geometry of all objectives, tuned alike")
claims.add_argument("names", nargs="*", help="sets; all by default")
claims.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
claims.add_argument("--out", type=Path, default=Path("claims"), help="a folder; what it holds is not run again")
claims.add_argument("--methods", nargs="+", default=[], help="some of the objectives; all by default")
claims.add_argument("--trials", type=int, default=20, help="trainings that tune a method, the first with defaults")
claims.add_argument("--seeds", type=int, default=10, help="trainings that count")
claims.add_argument("--start", choices=["random", "closed_form", "both"], default="both", help="of the trainings")
claims.add_argument("--quick", action="store_true", help="a small set of scikit-learn's, few and short trainings")
claims.add_argument("--costs", action="store_true", help="only measure milliseconds and bytes of objectives alone")
claims.add_argument("--report", action="store_true", help="only write the tables and pictures again")
reader = commands.add_parser(
    "reader", help="unseen classes, 90 %% missing, two objects a class, from modality to modality"
)
reader.add_argument("names", nargs="*", help="sets; all by default")
reader.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
reader.add_argument("--splits", type=int, default=3, help="random splits")
verdicts = commands.add_parser("verdicts", help="what all results say of the claims, also into docs/claims.md")
verdicts.add_argument("--results", type=Path, help="their folder; benchmarks/results by default")
tables = commands.add_parser("tables", help="published tables beside the defaults and plain models")
tables.add_argument("names", nargs="*", help="sets; all by default")
tables.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
tables.add_argument("--splits", type=int, default=5, help="random splits of sets without an official one")
tables.add_argument("--out", type=Path, default=Path("tables"), help="a folder to write to")
plain = commands.add_parser("plain", help="plain models on the shared sets, whole objects and each modality alone")
plain.add_argument("names", nargs="*", help="sets; all by default, which takes 45 minutes")
plain.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
plain.add_argument("--splits", type=int, default=5, help="random splits of sets without an official one, and seeds")
plain.add_argument("--json", type=Path, help="a file for every split's numbers; results/plain.json here by default")
against = commands.add_parser("against_plain", help="our defaults beside plain models on the shared sets")
against.add_argument("names", nargs="*", help="sets; all by default")
against.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
against.add_argument("--splits", type=int, default=5, help="random splits, or seeds where the split is official")
against.add_argument("--epochs", type=int, help="0: the closed form alone; the defaults where it is left out")
kills = commands.add_parser("kills", help="writers killed at any instant: is what was there still there, whole?")
kills.add_argument("--count", type=int, default=300, help="kills in all")
kills.add_argument("--fits", type=int, default=0, help="instead, kill so many fits and take them up")
kills.add_argument("--ranks", type=int, default=0, help="instead, stop so many fits of two ranks and take them up")
bulk = commands.add_parser("bulk", help="vectors of many rows by Ray, Daft and Spark, once with a worker killed")
bulk.add_argument("engines", nargs="*", help="ray, daft or spark; all by default")
bulk.add_argument("--rows", type=int, default=1_000_000, help="in all")
faults = commands.add_parser(
    "faults", help="fuzzed tables, files, pictures, sounds and saved folders: is any error not ours?"
)
faults.add_argument("names", nargs="*", help="fuzzers; all by default")
faults.add_argument("--seconds", type=float, default=600.0, help="in all")
faults.add_argument("--random-state", type=int, default=0, help="of the first cases")
products = commands.add_parser("products", help="products never seen, from shop to shop, beside an untrained cosine")
products.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
products.add_argument("--epochs", type=int, help="0: the closed form alone; the defaults where it is left out")
products.add_argument("--price", action="store_true", help="declare the price as a second modality")
growth = commands.add_parser("growth", help="cost of all objectives by modalities, objects and classes")
growth.add_argument("--objectives", nargs="+", default=[], help="kinds of objective; all by default")
growth.add_argument("--rounds", type=int, help="that count; 7, or 3 with --quick; of slow cases 3 at most")
growth.add_argument("--quick", action="store_true", help="at fewer sizes; all of them take ten minutes and 6 GB")
growth.add_argument("--json", type=Path, help="a file for everything measured")
growth.add_argument("--out", type=Path, help="a folder for the tables and for plots, which need matplotlib")
speed = commands.add_parser("speed", help="what people wait for beside a peer and the floor")
speed.add_argument("names", nargs="*", help="kinds of work; all by default")
speed.add_argument("--quick", action="store_true", help="at small sizes; all of them take some minutes and 3 GB")
speed.add_argument("--rounds", type=int, default=3, help="of which the least counts")
reading = commands.add_parser("reading", help="time and memory of reading CSV and Parquet, beside pyarrow")
reading.add_argument("--csv-rows", type=int, default=100_000, help="of the CSV file")
reading.add_argument("--parquet-rows", type=int, default=1_000_000, help="of the Parquet file")
guessed_schemas = commands.add_parser("guessed_schemas", help="guessed kinds of columns beside the right ones")
guessed_schemas.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
scale = commands.add_parser("scale", help="memory, wire and time of a training by objects, classes and ranks")
scale.add_argument("--measure", action="store_true", help="steps of one rank and of two, and the constants from them")
scale.add_argument("--quick", action="store_true", help="measure small sizes only")
scale.add_argument("--bandwidth", type=float, default=1.25, help="GB a second between ranks; 10 Gbit/s by default")
scale.add_argument("--latency", type=float, default=100.0, help="microseconds of a message between two ranks")
hops = commands.add_parser("hops", help="files of the library that fit, transform, evaluate and a step go through")
hops.add_argument("--names", action="store_true", help="print the files too")
coverage = commands.add_parser("coverage", help="accepted shares beside the guaranteed one, for every subset")
coverage.add_argument("names", nargs="*", help="sets; all by default")
coverage.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
coverage.add_argument("--splits", type=int, default=20, help="of the held-out half into calibration and test")
coverage.add_argument("--coverage", type=float, default=0.9, help="the guarantee")
coverage.add_argument("--epochs", type=int, help="of SphereEmbedder; 0 is the closed form alone")
unknown = commands.add_parser("unknown", help="objects of unknown classes by angle, beside a plain cross entropy")
unknown.add_argument("names", nargs="*", help="sets; all by default")
unknown.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
unknown.add_argument("--seeds", type=int, default=2, help="splits and trainings of each set")
new_classes = commands.add_parser("new_classes", help="classes added from a few examples, beside training again")
new_classes.add_argument("names", nargs="*", default=["pie_faces"], help="sets, by file name without .npz")
new_classes.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
new_classes.add_argument("--splits", type=int, default=3, help="random splits")
new_classes.add_argument("--held-back", type=int, default=8, help="classes that are added later")
new_classes.add_argument("--examples", type=int, nargs="+", default=[1, 5, 10], help="of each added class")
new_classes.add_argument("--subcenters", type=int, help="centers a class, of all models")
new_classes.add_argument("--json", type=Path, help="a file for every split's numbers")
label_trouble = commands.add_parser("label_trouble", help="wrong labels found, beside a plain model's probabilities")
label_trouble.add_argument("names", nargs="*", default=["pie_faces", "handwritten", "leaves100"], help="sets")
label_trouble.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
label_trouble.add_argument("--seeds", type=int, default=2, help="splits and trainings of each set")
report_page = commands.add_parser("report_page", help="seconds and bytes of a report, and how soon a browser answers")
report_page.add_argument("--objects", type=int, default=10_000, help="in the report")
report_page.add_argument("--json", type=Path, help="a file for everything measured")
serve = commands.add_parser("serve", help="the server under load, beside bare calls, and under hostile requests")
serve.add_argument("--requests", type=int, default=20_000, help="of each of the two loads")
serve.add_argument("--clients", type=int, default=8, help="that ask at the same time")
arguments = parser.parse_args()
# What a command needs is imported for that command alone: the rest would add its threads and its memory.
if arguments.command == "sets":
    from benchmarks import shared_sets

    shared_sets.run(
        arguments.names, arguments.data, splits=arguments.splits, options=arguments.options, tune=arguments.tune
    )
elif arguments.command == "digits":
    from benchmarks import spoken_digits

    if arguments.paired:
        spoken_digits.run_pairs(arguments.data, seeds=arguments.seeds)
    else:
        spoken_digits.run(arguments.data, splits=arguments.names, seeds=arguments.seeds, tune=arguments.tune)
elif arguments.command == "input":
    from benchmarks import input as input_benchmark

    input_benchmark.run(arguments.names, objects=arguments.objects, steps=arguments.steps, json_file=arguments.json)
elif arguments.command == "claims":
    from benchmarks import claims as claims_benchmark

    claims_benchmark.run(
        arguments.names,
        arguments.data,
        arguments.out,
        methods=arguments.methods,
        trials=0 if arguments.report or arguments.costs else arguments.trials,
        seeds=0 if arguments.report or arguments.costs else arguments.seeds,
        costs=arguments.costs,
        starts=["random", "closed_form"] if arguments.start == "both" else [arguments.start],
        quick=arguments.quick,
    )
elif arguments.command == "reader":
    from benchmarks import reader_claims

    reader_claims.run(arguments.names, arguments.data, splits=arguments.splits)
elif arguments.command == "verdicts":
    from benchmarks import claim_verdicts

    claim_verdicts.write_verdicts(arguments.results or claim_verdicts.RESULTS)
elif arguments.command == "tables":
    from benchmarks import tables as tables_benchmark

    tables_benchmark.run(arguments.names, arguments.data, splits=arguments.splits, out=arguments.out)
elif arguments.command == "plain":
    from benchmarks import plain_models

    plain_models.run(
        arguments.names, arguments.data, splits=arguments.splits, file=arguments.json or plain_models.RESULTS
    )
elif arguments.command == "against_plain":
    from benchmarks import against_plain

    against_plain.run(arguments.names, arguments.data, splits=arguments.splits, epochs=arguments.epochs)
elif arguments.command == "kills":
    from benchmarks import killed_fits
    from benchmarks import kills as kills_benchmark

    if arguments.fits:
        killed_fits.run(arguments.fits)
    if arguments.ranks:
        killed_fits.run_ranks(arguments.ranks)
    if not (arguments.fits or arguments.ranks):
        kills_benchmark.run(arguments.count)
elif arguments.command == "bulk":
    from benchmarks import bulk as bulk_benchmark

    bulk_benchmark.run(arguments.rows, arguments.engines)
elif arguments.command == "faults":
    # Processes of cases import this file anew, and must not run a command of their own.
    if __name__ == "__main__":
        from benchmarks import faults as faults_benchmark

        faults_benchmark.run(arguments.seconds, arguments.names, random_state=arguments.random_state)
elif arguments.command == "products":
    from benchmarks import products as products_benchmark

    products_benchmark.run(arguments.data, epochs=arguments.epochs, price=arguments.price)
elif arguments.command == "growth":
    from benchmarks import growth as growth_benchmark
    from benchmarks.growth_cases import QUICK, Grid

    growth_benchmark.run(
        arguments.objectives,
        grid=QUICK if arguments.quick else Grid(),
        rounds=arguments.rounds or (3 if arguments.quick else 7),
        json_file=arguments.json,
        folder=arguments.out,
    )
elif arguments.command == "speed":
    from benchmarks import speed as speed_benchmark

    speed_benchmark.run(arguments.names, quick=arguments.quick, rounds=arguments.rounds)
elif arguments.command == "reading":
    from benchmarks import reading as reading_benchmark

    reading_benchmark.run(csv_rows=arguments.csv_rows, parquet_rows=arguments.parquet_rows)
elif arguments.command == "guessed_schemas":
    from benchmarks import guessed_schemas as guessed_schemas_benchmark

    guessed_schemas_benchmark.run(arguments.data)
elif arguments.command == "scale":
    from benchmarks import scale as scale_benchmark

    if arguments.measure:
        scale_benchmark.measure(quick=arguments.quick)
    scale_benchmark.run(bandwidth=arguments.bandwidth * 1e9, latency=arguments.latency * 1e-6)
elif arguments.command == "hops":
    from benchmarks import hops as hops_benchmark

    hops_benchmark.run(names=arguments.names)
elif arguments.command == "coverage":
    from benchmarks import coverage as coverage_benchmark

    options = {"splits": arguments.splits, "coverage": arguments.coverage, "epochs": arguments.epochs}
    coverage_benchmark.run(arguments.names, arguments.data, **options)
elif arguments.command == "unknown":
    from benchmarks import unknown as unknown_benchmark

    unknown_benchmark.run(arguments.names, arguments.data, seeds=arguments.seeds)
elif arguments.command == "new_classes":
    from benchmarks import new_classes as new_classes_benchmark

    new_classes_benchmark.run(
        arguments.names,
        arguments.data,
        splits=arguments.splits,
        held_back=arguments.held_back,
        examples=arguments.examples,
        options={} if arguments.subcenters is None else {"subcenters": arguments.subcenters},
        json_file=arguments.json,
    )
elif arguments.command == "label_trouble":
    from benchmarks import label_trouble as label_trouble_benchmark

    label_trouble_benchmark.run(arguments.names, arguments.data, seeds=arguments.seeds)
elif arguments.command == "serve":
    from benchmarks import serve as serve_benchmark

    serve_benchmark.run(arguments.requests, clients=arguments.clients)
elif arguments.command == "report_page":
    from benchmarks import report_page as report_page_benchmark

    report_page_benchmark.run(objects=arguments.objects, json_file=arguments.json)
else:
    from benchmarks import classifier as classifier_benchmark

    classifier_benchmark.run(
        arguments.sizes, rounds=arguments.rounds, memory=not arguments.no_memory, json_file=arguments.json
    )
