"""Campaigns open no socket, and ignore the AWS configuration of this machine."""

from tests.isolation import no_account, no_sockets
from tests.profiles import load_profile

__all__ = ["no_account", "no_sockets"]

load_profile()
