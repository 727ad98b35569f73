"""Make one change after the other, and find the flow that fails with it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.permissions.changes import changes, sid
from tests.permissions.flows import FLOWS, Flow
from tests.permissions.plan import VARIANTS, PlannedChange
from tests.permissions.stack import Document, FlowError, Policy, Stack, emulated_stack

_CACHE_SECONDS = 10.0
"""A worker keeps the error of a read for two seconds: a flow may still fail after the policy is as it was."""


class RunError(Exception):
    """A flow fails although no policy is changed, or a planned change does not exist."""


@dataclass(frozen=True)
class Finding:
    """The flow that noticed a change, None if no flow did; ``detail`` is its error."""

    change: PlannedChange
    flow: str | None
    detail: str
    seconds: float


def run(
    build: Path, planned: Sequence[PlannedChange], expected: Mapping[str, str], report: Callable[[Finding], None]
) -> list[Finding]:
    """Deploy each variant, make its planned changes, and return what was found.

    Args:
        build: the folder with the built functions.
        planned: the changes.
        expected: names of flows by the key of a change; that flow is tried first.
        report: gets each finding at once.

    Raises:
        RunError: a flow fails without a change.
    """
    findings: list[Finding] = []
    with emulated_stack(build) as stack:
        for variant in VARIANTS:
            ours = [change for change in planned if change.variant == variant.name]
            if not ours:
                continue
            stack.deploy(variant)
            flows = [flow for flow in FLOWS if not flow.variants or variant.name in flow.variants]
            for flow in flows:
                _expect_success(stack, flow)
            policies = stack.policies()
            for change in ours:
                first = expected.get(change.key)
                finding = _find(stack, policies, change, sorted(flows, key=lambda flow: flow.name != first))
                findings.append(finding)
                report(finding)
    return findings


def _find(stack: Stack, policies: Sequence[Policy], change: PlannedChange, flows: Sequence[Flow]) -> Finding:
    policy, document = _changed(policies, change)
    started = time.monotonic()
    noticed, detail = None, ""
    policy.write(document)
    try:
        for flow in flows:
            # Twice, because a busy machine may let a flow fail once.
            if _failure(stack, flow) and (failure := _failure(stack, flow)):
                noticed, detail = flow, failure
                break
    finally:
        policy.write(policy.document)
    if noticed:
        _expect_success(stack, noticed)
    return Finding(change, noticed.name if noticed else None, detail, round(time.monotonic() - started, 1))


def _changed(policies: Sequence[Policy], change: PlannedChange) -> tuple[Policy, Document]:
    for policy in policies:
        if policy.name == change.policy:
            for index, statement in enumerate(policy.document["Statement"]):
                for each in changes(statement) if sid(statement) == change.statement else ():
                    if each.name == change.change:
                        return policy, policy.with_statement(index, each.statement)
    raise RunError(f"The stack has nothing to change for: {change.key}")


def _failure(stack: Stack, flow: Flow) -> str:
    """Run a flow, and return its error or an empty text."""
    stack.reset()
    try:
        flow.run(stack)
    except (FlowError, ClientError, BotoCoreError) as error:
        return str(error) or type(error).__name__
    return ""


def _expect_success(stack: Stack, flow: Flow) -> None:
    deadline = time.monotonic() + _CACHE_SECONDS
    while failure := _failure(stack, flow):
        if time.monotonic() > deadline:
            raise RunError(f"Without a change, the flow fails: {flow.name}: {failure}")
