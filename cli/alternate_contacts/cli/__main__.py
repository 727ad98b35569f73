"""The entry points `alternate-contacts` and `python -m alternate_contacts.cli`."""

from collections.abc import Callable

from alternate_contacts.cli.terminal import process


def main() -> None:
    """Run the command."""
    process.run(_load)


def _load() -> Callable[[], object]:
    from alternate_contacts.cli.main import app

    return app


if __name__ == "__main__":
    main()
