"""Studies: many runs that together answer one question, made by one command that resumes."""
