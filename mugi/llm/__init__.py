"""Language models whose softmax, activation, weights and KV cache are emulated."""
