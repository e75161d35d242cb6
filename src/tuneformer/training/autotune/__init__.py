"""trainer=auto: which precision, threads and compilation train this model fastest on this machine."""
