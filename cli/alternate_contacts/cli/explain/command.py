"""The verb `explain`."""

from collections.abc import Iterable
from typing import Annotated

import typer

from alternate_contacts.cli.aws.compliance import ReadResult, skip_reason
from alternate_contacts.cli.aws.contact_parameters import problems_by_parameter
from alternate_contacts.cli.aws.contact_reader import contact_reader
from alternate_contacts.cli.aws.contact_selector import ContactSelector, describe_target, read_contact_selector
from alternate_contacts.cli.aws.context import CommandContext
from alternate_contacts.cli.aws.deployed_contacts import deployed_contacts
from alternate_contacts.cli.aws.organization import RETRIES, OrganizationAccount, OrganizationTree
from alternate_contacts.cli.aws.quota import quota_of
from alternate_contacts.cli.aws.worker_environment import read_worker_environment
from alternate_contacts.cli.explain import json_document
from alternate_contacts.cli.explain.explanation import AncestorTarget, explain_account
from alternate_contacts.cli.explain.text import describe
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.options import AccountId, AsJson
from alternate_contacts.worker.contact_configuration import TARGETS
from alternate_contacts.worker.contacts import ContactType


def explain(
    context: typer.Context,
    account_id: AccountId,
    as_json: AsJson = False,
    show_contacts: Annotated[
        bool,
        typer.Option("--show-contacts", help="Include the desired and the present contacts, which are personal data."),
    ] = False,
) -> None:
    """Explain the contacts of one account: which are desired and why, which it has, and what the worker would do.

    With a contact configuration, the output shows what the account, its OUs and the root state as targets,
    which target decides, and the versions of the parameters. The compliance status is that of `audit`.

    With ProtectedTargetId, the output shows which contacts the account cannot change itself, and which of these the
    package does not set, so that only the management account can change them.

    Exit codes: 0 compliant or skipped; 1 not compliant; 2 command failed.
    """
    options: CommandContext = context.obj
    session, stack = options.session, options.stack
    worker_environment = read_worker_environment(session, stack)
    selector = read_contact_selector(session, stack, deployed_contacts(stack, worker_environment))
    organization = OrganizationTree(
        session.client("organizations", config=RETRIES),
        require_parents=selector.needs_parents or stack.protected_target is not None,
    )
    account = organization.account(account_id)
    selection = selector.select(account)
    results: dict[ContactType, ReadResult] = {}
    if skip_reason(account.state, selection) is None:
        rate = quota_of(stack, worker_environment).get_rate
        contact_reader(session, own_account_id=stack.account_id, rate=rate).read(
            [account_id], lambda read: results.update(read.results)
        )
    explanation = explain_account(
        account, selector, selection, results, _ancestors(account, selector, organization), stack=stack
    )
    if as_json:
        output.print_json(json_document.build(explanation, show_contacts=show_contacts))
    else:
        target = explanation.protected_by
        protected_by = describe_target(target, account, organization) if target else None
        _print(describe(explanation, protected_by=protected_by, show_contacts=show_contacts))
        if not stack.enabled:
            _print(["The package is not enabled: the worker receives no messages."])
        if not explanation.is_compliant:
            _print(["Run `alternate-contacts failures` to see whether a message of the account failed."])
    if not explanation.is_compliant:
        raise typer.Exit(1)


def _ancestors(
    account: OrganizationAccount, selector: ContactSelector, organization: OrganizationTree
) -> list[AncestorTarget]:
    configuration = selector.configuration
    if configuration is None:
        return []
    problems = problems_by_parameter(configuration)
    return [
        AncestorTarget(
            identifier,
            describe_target(identifier, account, organization),
            configuration.targets.get(identifier),
            problems.get(f"{TARGETS}{identifier}", []),
        )
        for identifier in account.ancestry
    ]


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        output.results().print(line)
