"""IAM's token operation, as documented: support.huaweicloud.com/api-iam/iam_30_0001.html."""

from __future__ import annotations

import json
import random
import string
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic

from starlette.responses import JSONResponse, Response

from .call import Call

TOKEN_LENGTH = 9120
"""Characters: as long as the longest that the vendor's pages print."""

_WRONG_BEFORE_LOCK = 5


class Iam:
    """Users, and the tokens they were given.

    Args:
        users: passwords by user name.
        project_id: the project there is.
        life: seconds that a token lives. Documented are 24 hours.
    """

    def __init__(self, users: Mapping[str, str], domain: str, project_id: str, *, life: float) -> None:
        self._users = users
        self._domain = domain
        self._project_id = project_id
        self._life = life
        self._ends: dict[str, float] = {}
        self._wrong: Counter[str] = Counter()
        self._rng = random.Random("tokens")
        self.answered: Counter[str] = Counter()

    def endpoint(self, call: Call) -> str:
        """Return the name of the operation."""
        return "iam.tokens"

    def knows(self, token: str) -> bool | None:
        """Return whether a token is good, or None if it never was."""
        ends = self._ends.get(token)
        return None if ends is None else monotonic() < ends

    def revoke(self) -> None:
        """End all tokens now, as a change of the user's rights does."""
        self._ends = dict.fromkeys(self._ends, 0.0)

    def answer(self, call: Call) -> Response:
        """Give out a token, if user, password and project are right."""
        try:
            auth = json.loads(call.content)["auth"]
            user = auth["identity"]["password"]["user"]
            name, domain, project = user["name"], user["domain"]["name"], auth["scope"]["project"]["id"]
        except (ValueError, KeyError, TypeError):
            return self._refuse(400, "Bad Request", "The request body is invalid.")
        if self._wrong[name] >= _WRONG_BEFORE_LOCK:
            return self._refuse(401, "Unauthorized", "The account is locked.")
        if domain != self._domain or self._users.get(name) != user.get("password"):
            self._wrong[name] += 1
            return self._refuse(401, "Unauthorized", "The username or password is wrong.")
        if project != self._project_id:
            return self._refuse(401, "Unauthorized", f"Could not find project: {project}.")
        self._wrong[name] = 0
        token = "MII" + "".join(self._rng.choices(string.ascii_letters + string.digits + "+/-", k=TOKEN_LENGTH - 3))
        self._ends[token] = monotonic() + self._life
        self.answered["iam.tokens"] += 1
        now = datetime.now(UTC)
        body = {
            "token": {
                "catalog": [],
                "expires_at": f"{now + timedelta(seconds=self._life):%Y-%m-%dT%H:%M:%S.%fZ}",
                "issued_at": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
                "methods": ["password"],
                "project": {"id": project, "name": "sandbox-1", "domain": {"id": "d1", "name": domain}},
            }
        }
        return JSONResponse(body, 201, headers={"X-Subject-Token": token})

    def _refuse(self, status: int, title: str, message: str) -> Response:
        self.answered[str(status)] += 1
        return JSONResponse({"error": {"code": status, "message": message, "title": title}}, status)
