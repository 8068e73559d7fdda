"""The report of a run: one HTML file that needs nothing else, and its figures and tables in a zip.

Only `dashboard.report.control`, which is part of the page, imports Panel.
"""

from dashboard.report.bundle import write_bundle
from dashboard.report.document import document
from dashboard.report.subject import Subject

__all__ = ["Subject", "document", "write_bundle"]
