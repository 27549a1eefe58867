"""Events as XES (IEEE 1849), the exchange format of process mining.

Each step is two events, ``start`` and ``complete``, with one ``concept:instance``. An open step has a start only. What
is written here is what ProM, pm4py, bupaR and others were seen to read: one attribute a line, ``key`` before ``value``,
double quotes, milliseconds, and an offset in every time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..archive.cases import Case, Step

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
\t<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
\t<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
\t<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
\t<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
\t<global scope="trace">
\t\t<string key="concept:name" value=""/>
\t</global>
\t<global scope="event">
\t\t<string key="concept:name" value=""/>
\t\t<string key="concept:instance" value=""/>
\t\t<string key="lifecycle:transition" value="complete"/>
\t\t<date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
\t</global>
\t<classifier name="Activity" keys="concept:name"/>
\t<string key="lifecycle:model" value="standard"/>
"""
FOOTER = "</log>\n"

_SPECIAL = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_NAMED = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def trace(case: Case, *, many_tenants: bool) -> tuple[str, int]:
    """Return a case as a trace, and its number of steps. One without a step that began has neither."""
    id_ = escape(f"{case.tenant}/{case.id}" if many_tenants else case.id)
    events = sorted(_events(case.steps, id_), key=lambda event: event[:2])
    if not events:
        return "", 0
    facts = [("workflow", case.name), ("status", case.status), ("creator", case.creator), ("system", case.system)]
    facts += [("tenant", case.tenant)]
    known = "".join(f'\t\t<string key="{key}" value="{escape(value)}"/>\n' for key, value in facts if value)
    body = "".join(text for *_, text in events)
    steps = sum(step.start_time is not None for step in case.steps)
    return f'\t<trace>\n\t\t<string key="concept:name" value="{id_}"/>\n{known}{body}\t</trace>\n', steps


def _events(steps: Iterable[Step], case: str) -> Iterator[tuple[str, int, str]]:
    """Yield the events of a case, each with its time and its place among those of one time."""
    for number, step in enumerate(steps):
        start, end = step.start_time, step.end_time
        if start is None:
            continue
        attributes = (
            f'\t\t\t<string key="concept:name" value="{escape(step.activity or "(unnamed)")}"/>\n'
            f'\t\t\t<string key="concept:instance" value="{case}-{step.position}"/>\n'
        )
        more = f'\t\t\t<string key="org:resource" value="{escape(step.who)}"/>\n' if step.who else ""
        yield start, 2 * number, _event(attributes, "start", start, more)
        if end is not None:
            if step.outcome:
                more += f'\t\t\t<string key="outcome" value="{escape(step.outcome)}"/>\n'
            yield max(start, end), 2 * number + 1, _event(attributes, "complete", end, more)


def _event(attributes: str, transition: str, time: str, more: str) -> str:
    return (
        f'\t\t<event>\n{attributes}\t\t\t<string key="lifecycle:transition" value="{transition}"/>\n'
        f'\t\t\t<date key="time:timestamp" value="{time[:-1]}+00:00"/>\n{more}\t\t</event>\n'
    )


def escape(text: str) -> str:
    """Return a text as the value of an attribute. Characters that no XML file may have become U+FFFD."""
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0], "\ufffd"), text)
