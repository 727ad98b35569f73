"""References and candidates side by side, in one run with the same emulated account API. See README.md."""
