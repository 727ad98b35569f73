"""The completions of ministack: one module for each service where AWS does more than ministack.

Import this only in the process of the emulation: ministack reads its environment during its import.
"""

from emulation.services import (
    account,
    cloudformation,
    cloudwatch,
    eventbridge,
    iam,
    lambda_functions,
    logs,
    message_move_tasks,
    organizations,
    policies,
    router,
    scheduler,
    sqs,
    ssm,
    sts,
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
    logs,
    message_move_tasks,
    organizations,
    policies,
    router,
    scheduler,
    sqs,
    ssm,
    sts,
)

#: All replaced names of ministack, by service.
PATCHES: dict[str, Patches] = {module.__name__.rpartition(".")[2]: module.patches for module in _MODULES}


def install(settings: Settings) -> None:
    """Complete ministack; call this before its first request."""
    account.configure(settings)
    lambda_functions.configure(settings)
    sqs.configure(settings)
    for patches in PATCHES.values():
        patches.install()
