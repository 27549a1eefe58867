"""What proves who is asking: a token, a password to get tokens with, or an access key.

Constructors hide what they are given before anything can fail, since a traceback may show the
variables of every function it passes.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..auth import Hidden, check_secret
from ..errors import ConfigError
from ..redact import Secret


class IamToken(Hidden):
    """A token got elsewhere. It is good for 24 hours, for one project of one region, and not renewed."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        token = _hide(token)
        check_secret("the token", token, "pass the X-Subject-Token that IAM answered with")
        self.token: Secret = token


class IamPassword(Hidden):
    """A user's password, which is sent to IAM only, for tokens that are renewed as they run out.

    Args:
        user: the IAM user's name.
        password: the password.
        domain: the account the user belongs to.
        iam_endpoint: IAM's address. By default that of the client's region.
    """

    __slots__ = ("domain", "iam_endpoint", "password", "user")

    def __init__(self, user: str, password: str, domain: str, *, iam_endpoint: str | None = None) -> None:
        password = _hide(password)
        for name, value in (("user", user), ("password", password), ("domain", domain)):
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{name} is empty: IamPassword needs a user, its password and its domain")
        self.user: str = user
        self.password: Secret = password
        self.domain: str = domain
        self.iam_endpoint: str | None = iam_endpoint


class AccessKey(Hidden):
    """An access key: requests are signed with it, and its secret half never travels.

    Args:
        ak: the access key id.
        sk: the secret key.
        security_token: of a temporary key.
    """

    __slots__ = ("ak", "security_token", "sk")

    def __init__(self, ak: str, sk: str, security_token: str | None = None) -> None:
        ak, sk = _hide(ak), _hide(sk)
        security_token = None if security_token is None else _hide(security_token)
        remedy = "copy it again from the console, under My Credentials > Access Keys"
        check_secret("the access key (AK)", ak, remedy)
        check_secret("the secret key (SK)", sk, remedy)
        if security_token is not None:
            check_secret("the security token", security_token, "pass it as it came with the temporary key")
        self.ak: Secret = ak
        self.sk: Secret = sk
        self.security_token: Secret | None = security_token


def _hide(value: str) -> Secret:
    """Return the value as a secret. What is no text, such as a variable that isn't set, counts as empty."""
    return Secret(value if isinstance(value, str) else "")


Credentials = IamToken | IamPassword | AccessKey

VARIABLES: Mapping[str, str] = {
    "ak": "HUAWEICLOUD_SDK_AK",
    "sk": "HUAWEICLOUD_SDK_SK",
    "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    "user": "SECMASTER_USER",
    "password": "SECMASTER_PASSWORD",
    "domain": "SECMASTER_DOMAIN",
    "iam_endpoint": "HUAWEICLOUD_SDK_IAM_ENDPOINT",
    "token": "SECMASTER_TOKEN",
}
"""What credentials are made of, and the environment's names for it."""

_KEY = (VARIABLES["ak"], VARIABLES["sk"])
_PASSWORD = (VARIABLES["user"], VARIABLES["password"], VARIABLES["domain"])
_TOKEN = (VARIABLES["token"],)
_KINDS = (_KEY, _PASSWORD, _TOKEN)


def credentials_from_env(environ: Mapping[str, str]) -> Credentials:
    """Return the one kind of credentials that the environment holds.

    Raises ConfigError if there is none, only a part of one, or more than one.
    """
    given = [kind for kind in _KINDS if any(map(environ.get, kind))]
    if not given:
        ways = "; ".join(" and ".join(kind) for kind in _KINDS)
        raise ConfigError(
            f"no credentials for SecMaster are set: export one of {ways}; "
            "or start `workflowkit sandbox` and export the lines it prints"
        )
    if len(given) > 1:
        found = " and ".join(next(filter(environ.get, kind)) for kind in given)
        raise ConfigError(f"{found} are set: two kinds of credentials at once; unset all but one")
    (kind,) = given
    missing = [name for name in kind if not environ.get(name)]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} not set: {' and '.join(kind)} belong together")
    values = [Secret(environ[name]) for name in kind]
    if kind is _TOKEN:
        return IamToken(*values)
    if kind is _PASSWORD:
        user, password, domain = values
        endpoint = environ.get(VARIABLES["iam_endpoint"]) or None
        return IamPassword(str(user), password, str(domain), iam_endpoint=endpoint)
    ak, sk = values
    return AccessKey(ak, sk, Secret(environ.get(VARIABLES["security_token"], "")) or None)
