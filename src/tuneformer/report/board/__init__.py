"""All runs below a folder in the browser, on this machine alone."""
