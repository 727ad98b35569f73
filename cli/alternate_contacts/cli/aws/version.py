"""The version of the command, by the metadata of its installation."""

from importlib import metadata

UNKNOWN = "unknown"
NOT_INSTALLED = f"{UNKNOWN} (not installed: this is a checkout)"


def command_version() -> str:
    """Return the version; `NOT_INSTALLED` if the command runs from a checkout without installation."""
    try:
        return metadata.version("alternate-contacts")
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED
