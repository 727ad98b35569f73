"""`replay` and `discard`: move failed messages back to AccountQueue, or delete them."""
