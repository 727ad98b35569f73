"""In-memory stand-ins for what the two functions talk to: small, typed, each with the Protocol of the real one."""
