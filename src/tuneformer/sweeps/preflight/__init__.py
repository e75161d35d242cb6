"""What is checked, built and measured of every job before the first begins."""
