"""What proves who is asking: a token, a password to get tokens with, or an access key."""

from __future__ import annotations

import os
from typing import NoReturn

import attrs

from ..auth import check_secret
from ..errors import ConfigError
from ..redact import Secret


def _secret(value: str) -> Secret:
    """Hide the value; what is no text, such as a variable that isn't set, counts as empty."""
    return Secret(value if isinstance(value, str) else "")


def _optional_secret(value: str | None) -> Secret | None:
    return None if value is None else _secret(value)


class _Unpicklable:
    """Base of all credentials: they show nothing and stay in their process."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}([redacted])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials can't be pickled: create them where they are used")


@attrs.frozen(repr=False)
class IamToken(_Unpicklable):
    """A token got elsewhere. It is good for 24 hours, for one project of one region, and not renewed."""

    token: Secret = attrs.field(converter=_secret)

    def __attrs_post_init__(self) -> None:
        check_secret("the token", self.token, "pass the X-Subject-Token that IAM answered with")


@attrs.frozen(repr=False)
class IamPassword(_Unpicklable):
    """A user's password, which is sent to IAM only, for tokens that are renewed as they run out.

    Attributes:
        user: the IAM user's name.
        password: the password.
        domain: the account the user belongs to.
        iam_endpoint: IAM's address; by default that of the client's region.
    """

    user: str
    password: Secret = attrs.field(converter=_secret)
    domain: str
    iam_endpoint: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name in ("user", "password", "domain"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty: IamPassword needs a user, its password and its domain")


@attrs.frozen(repr=False)
class AccessKey(_Unpicklable):
    """An access key: requests are signed with it, and it never travels.

    Attributes:
        ak: the access key id.
        sk: the secret key.
        security_token: of a temporary key.
    """

    ak: Secret = attrs.field(converter=_secret)
    sk: Secret = attrs.field(converter=_secret)
    security_token: Secret | None = attrs.field(default=None, converter=_optional_secret)

    def __attrs_post_init__(self) -> None:
        remedy = "copy it again from the console, under My Credentials > Access Keys"
        check_secret("the access key (AK)", self.ak, remedy)
        check_secret("the secret key (SK)", self.sk, remedy)
        if self.security_token is not None:
            check_secret("the security token", self.security_token, "pass it as it came with the temporary key")


Credentials = IamToken | IamPassword | AccessKey

_KEY = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK")
_PASSWORD = ("SECMASTER_USER", "SECMASTER_PASSWORD", "SECMASTER_DOMAIN")
_TOKEN = ("SECMASTER_TOKEN",)
_KINDS = (_KEY, _PASSWORD, _TOKEN)


def credentials_from_env() -> Credentials:
    """Return the one kind of credentials that the environment holds.

    Raises ConfigError if there is none, only a part of one, or more than one.
    """
    given = [kind for kind in _KINDS if any(map(os.environ.get, kind))]
    if not given:
        ways = "; ".join(" and ".join(kind) for kind in _KINDS)
        raise ConfigError(
            f"no credentials for SecMaster are set: export one of {ways}; "
            "or start `workflowkit sandbox` and export the lines it prints"
        )
    if len(given) > 1:
        found = " and ".join(next(filter(os.environ.get, kind)) for kind in given)
        raise ConfigError(f"{found} are set: two kinds of credentials at once; unset all but one")
    (kind,) = given
    missing = [name for name in kind if not os.environ.get(name)]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} not set: {' and '.join(kind)} belong together")
    if kind is _TOKEN:
        return IamToken(os.environ["SECMASTER_TOKEN"])
    if kind is _PASSWORD:
        user, password, domain = (os.environ[name] for name in kind)
        return IamPassword(user, password, domain, iam_endpoint=os.environ.get("HUAWEICLOUD_SDK_IAM_ENDPOINT") or None)
    ak, sk = (os.environ[name] for name in kind)
    return AccessKey(ak, sk, os.environ.get("HUAWEICLOUD_SDK_SECURITY_TOKEN") or None)
