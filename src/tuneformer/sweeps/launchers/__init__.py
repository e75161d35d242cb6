"""Where the jobs of a sweep run: in this process, on this machine, on a cluster."""
