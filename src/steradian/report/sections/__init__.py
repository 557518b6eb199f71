"""The sections of the report: each a function from findings to HTML, in the order in which they stand in the page."""

from steradian.report.sections.attributions import attribution_section
from steradian.report.sections.mistakes import confusion_section, neighbor_section
from steradian.report.sections.positions import angle_section, center_section, sphere_section
from steradian.report.sections.reproduction import reproduction_section
from steradian.report.sections.scores import score_section
from steradian.report.sections.summary import summary_section
from steradian.report.sections.thresholds import threshold_section
from steradian.report.sections.training import training_section
from steradian.report.sections.trouble import trouble_section

__all__ = ["SECTIONS"]

SECTIONS = (
    summary_section,
    training_section,
    score_section,
    angle_section,
    sphere_section,
    center_section,
    confusion_section,
    neighbor_section,
    attribution_section,
    threshold_section,
    trouble_section,
    reproduction_section,
)
