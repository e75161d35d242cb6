"""Images with classes: the options of conf/data, the reader of IDX files, splits and shifts."""
