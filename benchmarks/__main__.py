"""`python -m benchmarks NAME ...`: run a measurement."""

import argparse
from pathlib import Path

from benchmarks import shared_sets

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measurements beside plain baselines.")
commands = parser.add_subparsers(dest="command", required=True)
sets = commands.add_parser("sets", help="accuracy on public multi-view sets, beside logistic regression")
sets.add_argument("names", nargs="*", default=["pie_faces", "breast_tcga"], help="sets, by file name without .npz")
sets.add_argument("--data", type=Path, help="their folder; the variable STERADIAN_DATA by default")
sets.add_argument("--splits", type=int, default=5, help="random splits of sets without an official one")
sets.add_argument("--fusion", nargs="+", default=["certified"], help="certified, context, free")
sets.add_argument("--tune", action="store_true", help="split the training part again and leave the test part alone")
arguments = parser.parse_args()
shared_sets.run(arguments.names, arguments.data, splits=arguments.splits, fusions=arguments.fusion, tune=arguments.tune)
