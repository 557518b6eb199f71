"""The demo: the main job on emoji, from the packages' files to a model, its scores and a page to look at."""

from steradian.demo.job import run_demo

__all__ = ["run_demo"]
