"""Measurements beside plain baselines: `python -m benchmarks`."""
