"""The quota of the Account Management API that the deployed worker uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alternate_contacts.cli.aws.stack import Stack

DEFAULT_RATES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"aws": {"PutRate": 5.0, "GetRate": 10.0}, "aws-cn": {"PutRate": 1.0, "GetRate": 3.0}}
)
"""By partition, calls per second: the template's mapping ``AccountApiQuota``, for `Quota.from_parameters`.

https://docs.aws.amazon.com/accounts/latest/reference/quotas.html
"""


@dataclass(frozen=True)
class Quota:
    """Calls per second of GetAlternateContact and PutAlternateContact, and the share of them that the worker uses."""

    get_rate: float
    put_rate: float
    share: float
    from_worker: bool
    """Whether these are the worker's values; otherwise they are parameters and defaults of the template."""

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "Quota":
        """Return the quota in the worker's environment.

        Raises:
            KeyError: a variable is missing.
        """
        share = float(variables["QUOTA_SHARE"]) / 100
        return cls(float(variables["GET_RATE"]), float(variables["PUT_RATE"]), share, from_worker=True)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str], partition: str) -> "Quota":
        """Return the quota by the stack's parameters, and by the template's defaults where they say ``default``."""
        defaults = DEFAULT_RATES.get(partition, DEFAULT_RATES["aws"])

        def rate(name: str) -> float:
            value = parameters.get(name, "default")
            return defaults[name] if value == "default" else float(value)

        share = float(parameters.get("QuotaShare", "100")) / 100
        return cls(rate("GetRate"), rate("PutRate"), share, from_worker=False)

    @property
    def source(self) -> str:
        """Where the values are from, for the operator."""
        if self.from_worker:
            return "configuration of WorkerFunction"
        return (
            "parameters of the stack and defaults of the template, because these credentials cannot read the "
            "configuration of WorkerFunction (lambda:GetFunctionConfiguration)"
        )

    def document(self) -> dict[str, object]:
        """Return the quota for ``--json``."""
        return {"getRate": self.get_rate, "putRate": self.put_rate, "share": self.share, "source": self.source}


def quota_of(stack: Stack, worker_environment: Mapping[str, str]) -> Quota:
    """Return the quota in the worker's environment, or the template's defaults if it is not there.

    The environment also holds the contacts, so nothing but the quota leaves this function.
    """
    try:
        return Quota.from_environment(worker_environment)
    except (KeyError, ValueError):
        return Quota.from_parameters(stack.parameters, stack.partition)
