"""`python -m alternate_contacts`."""

from alternate_contacts.main import main

main()
