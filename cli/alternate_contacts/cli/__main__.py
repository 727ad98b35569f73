"""`python -m alternate_contacts.cli`."""

from alternate_contacts.cli.main import main

main()
