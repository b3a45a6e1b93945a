"""The reports of broker/model/reports.py, each made of what the store gives and the records say."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from broker.audit.reports.access import access
from broker.audit.reports.changes import changes
from broker.audit.reports.issuances import issuances
from broker.audit.reports.refusals import refusals
from broker.audit.reports.rooms import ReportRooms
from broker.audit.reports.unknown import unknown
from broker.model.reports import Report, ReportName, ReportQuery

MAKERS: Final[Mapping[ReportName, Callable[[ReportRooms, ReportQuery], Report]]] = MappingProxyType(
    {
        ReportName.ACCESS: access,
        ReportName.ISSUANCES: issuances,
        ReportName.REFUSALS: refusals,
        ReportName.UNKNOWN: unknown,
        ReportName.CHANGES: changes,
    }
)
"""What makes a page of each. All raise LogUnavailable."""
