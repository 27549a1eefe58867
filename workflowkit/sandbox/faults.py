"""What can go wrong on request: each fault replaces, or spoils, the next answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from . import gateway

FAULTS = {
    "drop": "the connection is closed without a response",
    "reset": "the connection is reset in the middle of the body",
    "slow": "the response takes `seconds` longer",
    "500": "HTTP 500 with an empty body",
    "502": "HTTP 502 with a web page, as gateways do",
    "429": "HTTP 429 for too many at once, with Retry-After if `seconds` is set",
    "8303": "the tenant's limit, as the vendor words it",
    "8304": "the operation's limit",
    "html": "HTTP 200 with a web page",
    "empty": "HTTP 200 with nothing",
    "half": "HTTP 200 with the first half of the JSON",
    "list": "HTTP 200 with a JSON list",
    "failure": "HTTP 200 with status failure",
    "0301": "SecMaster's gateway can't read the token",
    "0307": "SecMaster's gateway wants a new token",
    "0308": "SecMaster's gateway allows 10 calls a second, and says so",
    "upgrading": "SecMaster is being upgraded",
}
"""The kinds of fault, and what each does."""

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass
class Fault:
    """One kind of fault for the next `times` answers, of one operation if named."""

    kind: str
    times: int = 1
    endpoint: str | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"fault {self.kind!r}: choose one of {', '.join(FAULTS)}")
        self.times, self.seconds = int(self.times), float(self.seconds)


class Faults:
    """The faults that are still to happen, first asked first done."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen from the next answer on."""
        self._coming.append(fault)

    def next_for(self, endpoint: str) -> Fault | None:
        """Return the fault that this response suffers, None if it is spared."""
        for fault in self._coming:
            if fault.endpoint in (None, endpoint):
                fault.times -= 1
                if fault.times <= 0:
                    self._coming.remove(fault)
                return fault
        return None


async def spoil(fault: Fault, answer: Response) -> Response:
    """Return what is sent instead of the response. Drop and reset are the server's business."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.kind == "half":
        return Response(bytes(answer.body)[: len(answer.body) // 2], media_type="application/json")
    retry = {"Retry-After": f"{fault.seconds:g}"} if fault.seconds else None
    made = {
        "500": Response(status_code=500),
        "502": Response(_PAGE, 502, media_type="text/html"),
        "429": Response(status_code=429, headers=retry),
        "8303": refusal(8303, "Company/Team Request Limit Exceeded"),
        "8304": refusal(8304, "Request Limit Exceeded"),
        "html": Response(_PAGE, media_type="text/html"),
        "empty": Response(),
        "list": JSONResponse([]),
        "failure": JSONResponse({"status": "failure", "code": 50008, "message": "Action Failed"}),
        "0301": gateway.refusal(401, "0301", "Incorrect IAM authentication information: decrypt token fail"),
        "0307": gateway.refusal(401, "0307", "The token must be updated."),
        "0308": gateway.throttled("user", 10, "1 second"),
        "upgrading": JSONResponse(
            {"code": "SecMaster.11181002", "message": "During version upgrade, access is prohibited."}, 400
        ),
    }
    return made[fault.kind]


def refusal(code: int, message: str) -> Response:
    """Return an error as the vendor words it: HTTP 400, whatever it is."""
    return JSONResponse({"code": code, "msg": message}, 400)
