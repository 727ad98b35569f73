"""ministack completed: one module for each service that lacks what AWS does.

Import this only in the process of the emulation: ministack reads its environment as it is imported.
"""

from emulation.services import (
    account,
    cloudformation,
    cloudwatch,
    eventbridge,
    iam,
    lambda_functions,
    message_move_tasks,
    organizations,
    sqs,
)
from emulation.services.patching import Patches
from emulation.settings import Settings

_MODULES = (
    account,
    cloudformation,
    cloudwatch,
    eventbridge,
    iam,
    lambda_functions,
    message_move_tasks,
    organizations,
    sqs,
)

#: All names of ministack that are replaced, by service.
PATCHES: dict[str, Patches] = {module.__name__.rpartition(".")[2]: module.patches for module in _MODULES}


def install(settings: Settings) -> None:
    """Complete ministack, which must not have served a request yet."""
    account.configure(settings)
    lambda_functions.configure(settings)
    sqs.configure(settings)
    for patches in PATCHES.values():
        patches.install()
