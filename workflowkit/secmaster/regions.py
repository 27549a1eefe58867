"""Where SecMaster and IAM live, region by region.

Source: the region tables of huaweicloudsdksecmaster and huaweicloudsdkiam 3.1.219, read on 2026-10. The European region
is an isolated site, under a domain of its own. The vendor's table for SecMaster names the other domain there, so both
spellings count as the vendor's, and tokens for either come from the European site.
"""

from __future__ import annotations

from ..errors import ConfigError

REGIONS = (
    *(f"cn-north-{number}" for number in (1, 2, 4, 9, 11, 12)),
    *(f"cn-east-{number}" for number in (2, 3, 4, 5)),
    *(f"cn-south-{number}" for number in (1, 2)),
    *(f"cn-southwest-{number}" for number in (2, 3)),
    *(f"ap-southeast-{number}" for number in (1, 2, 3, 4, 5)),
    *("my-kualalumpur-1", "me-east-1", "tr-west-1", "af-north-1", "af-south-1"),
    *("sa-brazil-1", "la-north-2", "la-south-2", "eu-west-101"),
)
"""Every region that has SecMaster."""

_DOMAIN = "myhuaweicloud.com"
_OTHER_DOMAINS = {"eu-west-101": "myhuaweicloud.eu"}
"""Sites of their own: an account and its password are of one site."""

_WITHOUT_IAM = {"cn-north-11", "cn-southwest-3", "ap-southeast-5", "af-north-1"}
"""Regions whose tokens come from the global address."""


def secmaster_url(region: str) -> str:
    """Return the region's SecMaster address. Raises ConfigError if there is none known."""
    if region not in REGIONS:
        known = ", ".join(REGIONS)
        raise ConfigError(f"region={region!r}: pass one of {known}; or, for any other, its address as base_url")
    return f"https://secmaster.{region}.{_OTHER_DOMAINS.get(region, _DOMAIN)}"


def iam_url(base_url: str) -> str | None:
    """Return where tokens for a SecMaster address come from, None if that is not one of the vendor's own."""
    for region in REGIONS:
        if base_url in (secmaster_url(region), f"https://secmaster.{region}.{_DOMAIN}"):
            domain = _OTHER_DOMAINS.get(region, _DOMAIN)
            return f"https://iam.{'' if region in _WITHOUT_IAM else f'{region}.'}{domain}"
    return None
