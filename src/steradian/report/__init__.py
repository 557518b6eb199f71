"""Self-contained HTML pages: one file each, which asks for nothing from a network."""

from steradian.report.neighbors_page import PageNeighbor, PageObject, PageRow, PageSection, neighbors_page
from steradian.report.write_report import write_report

__all__ = ["PageNeighbor", "PageObject", "PageRow", "PageSection", "neighbors_page", "write_report"]
