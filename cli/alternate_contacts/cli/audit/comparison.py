"""Compare the contacts that accounts have with those that the configuration selects."""

from collections.abc import Mapping

from alternate_contacts.cli.audit.checks import shared_fields
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.aws.compliance import ReadResult, compliance_status
from alternate_contacts.cli.aws.contact_reader import AccountContacts
from alternate_contacts.cli.aws.contact_selector import ContactSelector
from alternate_contacts.worker.contact_selection import AccountSelection, ContactSelection
from alternate_contacts.worker.errors import WorkerError


class ContactComparison:
    """Compares the contacts of accounts. Drops contact data, unless ``keep_contacts``."""

    def __init__(
        self, selector: ContactSelector, selections: Mapping[str, AccountSelection], *, keep_contacts: bool
    ) -> None:
        """Compare with ``selections``, by account ID, that ``selector`` made."""
        self._selector = selector
        self._selections = selections
        self._keep_contacts = keep_contacts

    def compare(self, account: AccountContacts) -> AccountReading:
        """Return the status of each contact of an account."""
        selected = self._selections[account.account_id].contacts
        return AccountReading(
            account_id=account.account_id,
            read_at=account.read_at,
            findings={
                contact_type: self._finding(selected[contact_type], result)
                for contact_type, result in account.results.items()
            },
            shared=shared_fields(account.contacts),
        )

    def _finding(self, selection: ContactSelection, result: ReadResult) -> ContactFinding:
        status = compliance_status(selection.result, result, exact=self._selector.is_exact(selection))
        # The worker reads no contact whose selection is unknown, so this error goes first.
        error = next((each for each in (selection.result, result) if isinstance(each, WorkerError)), None)
        return ContactFinding(
            status,
            provided=None if isinstance(result, WorkerError) else result is not None,
            reason=error.reason if error else None,
            error_code=error.code if error else None,
            contact=result if self._keep_contacts and not isinstance(result, WorkerError) else None,
        )
