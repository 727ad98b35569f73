"""Three ways to set the contacts of every account. Each prints one JSON object: seconds and accounts given up."""
