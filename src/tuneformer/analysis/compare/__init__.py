"""From run directories to tables and statistics. Reads only what runs have written."""
