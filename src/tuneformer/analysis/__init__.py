"""What runs have come to: compared, diagnosed, and seen from inside. Never trains."""
