"""How a process starts, prints, counts its randomness and ends: what every command stands on."""
