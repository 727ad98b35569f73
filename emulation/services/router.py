"""The names of AWS's services, to recognize a request to one that the emulation lacks.

ministack reads the models of all services for this at the first such request, which takes a second.
"""

from functools import cache

from botocore.session import Session

from emulation.services.patching import Patches

patches = Patches()


@cache
def _service_names() -> frozenset[str]:
    return frozenset(Session().get_available_services())


def is_aws_service_name(name: str) -> bool:
    """Return whether AWS has a service of this name."""
    return name in _service_names()


patches.value("ministack.core.router._is_aws_service_name", is_aws_service_name)
