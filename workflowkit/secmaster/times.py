"""SecMaster's times: several forms, of which the commonest looks like UTC and isn't.

In ``2025-07-18T15:11:04.577Z+0800`` the Z is a literal of the service's date pattern. The time is
that of the wall clock at +08:00. Source: the sample of ShowAopWorkflowInstance, whose name carries
the wall clock, and the pattern ``yyyy-MM-dd'T'HH:mm:ss.SSS'Z'Z`` of the playbook list.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_BEIJING = timezone(timedelta(hours=8))
_COMMON = b'Z+0800"'
_FIELD = re.compile(rb'_time"(\s*:\s*)("[^"\\]*")')
_FORM = re.compile(rb'"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z?[+-]\d\d):?(\d\d)"')


def read_times(body: bytes) -> bytes:
    """Return a response with the times in it as RFC 3339 has them, and everything else as it was.

    An empty text is no time. Anything else stays as it is, and is refused later.
    """
    pieces = body.split(_COMMON)
    if len(pieces) == 1 + body.count(b'_time"') and all(map(_ends_in_a_time, pieces[:-1])):
        return b'+08:00"'.join(pieces)
    return _FIELD.sub(_read, body)


def write_time(time: datetime) -> str:
    """Return an aware time as the filters of the lists take it: at +08:00, cut to milliseconds."""
    return f"{time.astimezone(_BEIJING).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z+0800"


def _ends_in_a_time(piece: bytes) -> bool:
    """Return whether a piece of the response ends as one does before the commonest time zone."""
    return (piece[-32:-23] == b'_time": "' or piece[-31:-23] == b'_time":"') and b'"' not in piece[-23:]


def _read(match: re.Match[bytes]) -> bytes:
    blank, text = match.groups()
    if text.endswith(b'Z+0800"'):
        text = text[:-7] + b'+08:00"'
    elif text == b'""':
        text = b"null"
    elif form := _FORM.fullmatch(text):
        day, clock, hours, minutes = form.groups()
        text = b'"%bT%b%b:%b"' % (day, clock, hours.removeprefix(b"Z"), minutes)
    return b'_time"%b%b' % (blank, text)
