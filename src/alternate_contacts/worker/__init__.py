"""WorkerFunction: sets the alternate contacts of one account for each message on AccountQueue.

`alternate_contacts` is an implicit namespace package, so its folder has no ``__init__.py``. The layers of this part are
a contract in pyproject.toml, which ``make check`` checks.
"""
