"""`alternate-contacts preflight`: what would stop a deployment, looked at before there is one. It changes nothing."""

from alternate_contacts.cli.preflight.command import preflight

__all__ = ["preflight"]
