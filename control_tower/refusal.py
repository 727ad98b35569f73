"""Why no package is made."""


class RefusalError(Exception):
    """Something must be changed first.

    Attributes:
        sentences: what, one sentence for each; without a contact's name, title, e-mail address or phone number.
    """

    def __init__(self, *sentences: str) -> None:
        """Say everything that is wrong at once, so that it can be mended at once."""
        super().__init__("\n".join(sentences))
        self.sentences = sentences
