"""The historical baselines: LSTMs, without attention and with."""
