"""The tiny model: a random Llama of two layers that reads bytes, made in seconds without network.

It stands for a real model where only the way of the numbers matters: in tests, and in
config/tiny.yaml. Any text runs on it; what it predicts means nothing.
"""

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_END = 256  # the token that begins and ends a text, behind those of the 256 bytes


def tiny_model(seed: int = 0) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return the model in FP32 and its tokenizer, the same bits for a seed on any machine."""
    config = LlamaConfig(
        vocab_size=_END + 1,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,  # grouped-query attention
        max_position_embeddings=4096,
        bos_token_id=_END,
        eos_token_id=_END,
        architectures=["LlamaForCausalLM"],
    )
    model = LlamaForCausalLM(config).eval()
    # numpy's normal numbers, not torch's: these do not depend on the processor's instructions
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for _, weight in sorted(model.named_parameters()):
            if weight.ndim > 1:  # norms stay 1; 0.2 is enough for approximations to show
                drawn = 0.2 * random.standard_normal(weight.shape, dtype=np.float32)
                weight.copy_(torch.from_numpy(drawn))
    return model, byte_tokenizer()


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token a byte, and one for the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary | {"<end>": _END}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", bos_token="<end>")
