"""Programs in processes of their own: what depends on the interpreter, a signal, a descriptor or a shell."""

from tests.isolation import no_account

__all__ = ["no_account"]
