"""Self-contained HTML pages: one file each, which asks for nothing from a network."""

from steradian.report.neighbors_page import PageNeighbor, PageObject, PageRow, PageSection, neighbors_page

__all__ = ["PageNeighbor", "PageObject", "PageRow", "PageSection", "neighbors_page"]
