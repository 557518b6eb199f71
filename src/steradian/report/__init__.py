"""The report: one self-contained HTML file, which asks for nothing from a network."""

from steradian.report.write_report import write_report

__all__ = ["write_report"]
