"""Why no package is made, or one that was not fully checked."""


class PackagingError(Exception):
    """The manifest, the configuration or the AWS account has to change before a package can be made.

    Attributes:
        messages: one for each problem, all at once; without a contact's name, title, email address or phone number.
    """

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class NotVerifiedError(Exception):
    """A check was not possible, and a package can be made without it; with what was to be checked, and why."""
