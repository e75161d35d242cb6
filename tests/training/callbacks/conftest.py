from tests.training.conftest import text_file, tiny, train_here, train_in_child

__all__ = ["text_file", "tiny", "train_here", "train_in_child"]
