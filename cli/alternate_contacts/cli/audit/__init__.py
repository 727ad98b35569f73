"""`audit`: reads the contacts of every account, and says for each account and type the audit word.

From the inside out: ``words`` and ``checks`` judge ``findings``, ``reading`` asks the account API at its pace,
``organization`` lists accounts, ``saved`` keeps what was read for a next run, ``report`` adds up; ``table``,
``csv_file`` and ``html_page`` show a report, and ``command`` is the verb.
"""
