"""The operator's command `alternate-contacts`: what is wrong, why, and what mends it."""
