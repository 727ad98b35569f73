"""Reference and candidate side by side, against the same strict account API in one run. See README.md."""
