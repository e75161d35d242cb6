"""What a project of one's own adds to tuneformer, one module for each kind."""
