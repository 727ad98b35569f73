"""The verb `audit`: reads the contacts of every account and reports the compliance status of each."""
