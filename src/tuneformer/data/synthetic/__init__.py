"""Small tasks on which it is known what attention can do: seeded generators, a file each."""
