from tests.training.conftest import text_file, tiny, train_here, train_in_child, warm_server

__all__ = ["text_file", "tiny", "train_here", "train_in_child", "warm_server"]
