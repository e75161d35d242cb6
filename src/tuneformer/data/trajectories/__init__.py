"""Episodes of environments: how they are recorded, kept and cut into windows."""
