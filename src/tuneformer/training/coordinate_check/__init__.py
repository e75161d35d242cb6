"""Whether a parametrisation trains alike at every width (Tensor Programs V, 2203.03466, appendix D.1)."""
