"""The lm-eval model class of this project."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property

import torch
from jinja2 import TemplateError
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from mugi.accuracy.cells import definitions, packages
from mugi.accuracy.finite import check_finite, logits_checked, placed, stopped
from mugi.accuracy.predictions import in_batches
from mugi.errors import InputError
from mugi.llm.inject import emulated
from mugi.llm.load import WholeCausalLM, one_line
from mugi.llm.settings import device_kind
from mugi.llm.texts import check_bos
from mugi.methods import NATIVE, parse_operations

logger = logging.getLogger("lm_eval.models.mugi")


@register_model("mugi")
class MugiLM(HFLM):
    """A Hugging Face causal model whose softmax and activation are approximated while it scores.

    `approximation` is written `softmax=METHOD;activation=METHOD`, or `native`; where commas cannot
    be passed on, `+` stands for them: `softmax=vlp:lut=8+max_exp=3`. The operations are swapped for
    the duration of each group of requests and restored after it; the model itself is never changed.
    On a CPU sequences are scored one at a time, so that no digit depends on `batch_size`; on a GPU
    they are padded on the right with a mask. Log-probabilities are float32. All other arguments are
    HFLM's, but `trust_remote_code` is refused; `add_bos_token=True` puts one BOS token in front
    also where the tokenizer alone would not.

    Logits that are NaN or infinite raise InputError. `cut_prompts` has the task and the number of
    each document whose prompt lost tokens on the left, for want of room.
    """

    AUTO_MODEL_CLASS = WholeCausalLM

    def __init__(self, approximation: str = NATIVE, batch_size: int | str = 1, **kwargs):
        if kwargs.get("trust_remote_code"):
            what = "trust_remote_code: code that a checkpoint brings is never run; allowed: False"
            raise InputError(what)
        self.approximation = parse_operations(str(approximation).replace("+", ","))
        named = {name: value for name, value in kwargs.items() if name != "pretrained"}
        self._arguments = {name: str(value) for name, value in named.items() if name != "tokenizer"}
        source = kwargs.get("pretrained")
        with one_line(source) if isinstance(source, str) else nullcontext():
            super().__init__(batch_size=batch_size, **kwargs)
        check_bos(self.tokenizer, self.add_bos_token)
        self.scored_tokens = 0
        self.cut_prompts: set[tuple[str, int]] = set()
        self._said = False
        self._documents: list[tuple[str, int]] = []  # of the token requests that are scored

    @contextmanager
    def _approximated(self) -> Iterator[None]:
        """Swap the operations, and say at the end how many prompts were cut."""
        with stopped(self.model, self.approximation), emulated(self.model, self.approximation):
            yield
        if self.cut_prompts:
            what = "%d prompts are longer than %d tokens and lost their beginning"
            logger.warning(what, len(self.cut_prompts), self.max_length)

    # --- what is scored ---------------------------------------------------------------------------

    def loglikelihood(self, requests, disable_tqdm=True):
        """Score continuations given contexts, with the operations swapped."""
        self._documents = [_document(request) for request in requests]
        with self._approximated():
            return super().loglikelihood(requests, disable_tqdm=True)

    def loglikelihood_rolling(self, requests, disable_tqdm=True):
        """Score whole documents, with the operations swapped, in windows of the model's context.

        The first token is given the prefix token (BOS, or else the end of text) alone, which does
        not stand there twice if the tokenizer puts it in front too.
        """
        windows, owners = [], []
        for number, request in enumerate(requests):
            tokens, prefix = self.tok_encode(request.args[0]), self.prefix_token_id
            if tokens[:1] == [prefix]:
                tokens = tokens[1:]
            cut = get_rolling_token_windows(tokens, prefix, self.max_length, context_len=1)
            windows += [(None, *make_disjoint_window(window)) for window in cut]
            owners += [number] * (len(windows) - len(owners))
        self._documents = [_document(requests[number]) for number in owners]
        with self._approximated():
            scores = self._loglikelihood_tokens(windows)
        totals = [0.0] * len(requests)
        for number, (likelihood, _) in zip(owners, scores, strict=True):
            totals[number] += likelihood
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    @torch.inference_mode()
    def _loglikelihood_tokens(self, requests, disable_tqdm=True, override_bs=None):
        """Return (log-likelihood in nats, whether it is the greedy one) of each continuation."""
        inputs: dict[tuple[int, ...], list[int]] = {}
        for index, (_, context, answer) in enumerate(requests):
            if len(answer) > self.max_length:
                raise InputError(
                    f"{self._place(index)}: a continuation of {len(answer)} tokens; "
                    f"the window (max_length) allows {self.max_length}"
                )
            if len(context) + len(answer) > self.max_length + 1:
                self.cut_prompts.add(self._documents[index])
            seen = (context + answer)[-(self.max_length + 1) : -1]
            inputs.setdefault(tuple(seen), []).append(index)
        order = sorted(inputs, key=lambda seen: (-len(seen), seen))
        lengths = [len(seen) for seen in order]
        answers = {}
        for batch, logits in in_batches(
            order, lengths, self.batch_size, self.device, self._padded_call
        ):
            for seen, row in zip(batch, logits, strict=True):
                for index in inputs[seen]:
                    with placed(self._place(index)):
                        answers[index] = self._answer(requests[index], row[: len(seen)])
        return [answers[index] for index in range(len(requests))]

    def _padded_call(self, inputs: list[tuple[int, ...]]) -> torch.Tensor:
        """Return the logits of sequences of token ids, (sequences, longest, vocabulary)."""
        longest = max(map(len, inputs))
        tokens = torch.zeros(len(inputs), longest, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, seen in enumerate(inputs):
            tokens[row, : len(seen)] = torch.tensor(seen)
            mask[row, : len(seen)] = 1
        padded = None if mask.all() else mask.to(self.device)
        return self.model(tokens.to(self.device), attention_mask=padded, use_cache=False).logits

    def _answer(self, request, logits: torch.Tensor) -> tuple[float, bool]:
        """Score one continuation, which the last of `logits` (tokens, vocabulary) predict."""
        name, _, answer = request
        self.scored_tokens += len(answer)
        check_finite(logits[-len(answer) :], "logits")
        logs = torch.log_softmax(logits[-len(answer) :].float(), dim=-1)
        tokens = torch.tensor(answer, device=logs.device)
        likelihood = logs.gather(1, tokens[:, None]).sum(dtype=torch.float64).item()
        check_finite(likelihood, "log-likelihood")
        scored = (likelihood, bool((logs.argmax(-1) == tokens).all()))
        if name is not None:
            self.cache_hook.add_partial("loglikelihood", name, scored)
        return scored

    def _place(self, index: int) -> str:
        return "task {}, document {}".format(*self._documents[index])

    # --- what is generated ------------------------------------------------------------------------

    def generate_until(self, requests, disable_tqdm=True):
        """Generate greedily or by sampling, with the operations swapped.

        Raises InputError where the longest answer that a task allows leaves no room for a prompt.
        """
        for request in requests:
            longest = normalize_gen_kwargs(request.args[1], self.max_gen_toks)["max_gen_toks"]
            if longest >= self.max_length:
                raise InputError(
                    f"task {request.task_name}: answers of up to {longest} tokens do not fit into "
                    f"the context of {self.max_length} tokens beside a prompt; "
                    "give the task a smaller max_gen_toks, or take a model with more context"
                )
        self._by_prompt = {request.args[0]: _document(request) for request in requests}
        with self._approximated():
            return super().generate_until(requests, disable_tqdm=True)

    def tok_batch_encode(self, strings, padding_side="left", left_truncate_len=None, **kwargs):
        """Return the tokens of the prompts to answer, and note which ones are cut."""
        self._running = [self._by_prompt[string] for string in strings]
        lengths = [len(self.tok_encode(string)) for string in strings]
        if left_truncate_len:
            self.cut_prompts.update(
                document
                for document, length in zip(self._running, lengths, strict=True)
                if length > left_truncate_len
            )
        bos = self.tokenizer.bos_token
        if self.add_bos_token:
            strings = [text if text.startswith(bos) else bos + text for text in strings]
        return super().tok_batch_encode(strings, padding_side, left_truncate_len, **kwargs)

    def _model_generate(self, context, max_length, stop, **kwargs):
        """Return the tokens of prompts and answers."""
        place = ", ".join("task {}, document {}".format(*document) for document in self._running)
        with placed(place), logits_checked(self.model):
            return super()._model_generate(context, max_length, stop, **kwargs)

    def _detect_batch_size(self, requests=None, pos=0) -> int:
        """Return where `auto` starts; scoring finds its own sizes."""
        return 1 if self.device.type == "cpu" else 16

    def tok_encode(self, string, add_special_tokens=None, left_truncate_len=None, **kwargs):
        """Return the tokens of a text, with the BOS token in front if that is asked for."""
        tokens = super().tok_encode(string, add_special_tokens, **kwargs)
        if add_special_tokens is None and self.add_bos_token:
            bos = self.tokenizer.bos_token_id
            tokens = tokens if tokens[:1] == [bos] else [bos, *tokens]
        return tokens[-left_truncate_len:] if left_truncate_len else tokens

    # --- chats ------------------------------------------------------------------------------------

    @cached_property
    def takes_system(self) -> bool:
        """Whether the chat template has a place for a system instruction."""
        chat = [{"role": role, "content": "a"} for role in ("system", "user")]
        try:
            self.tokenizer.apply_chat_template(chat, tokenize=False)
        except TemplateError:
            return False
        return True

    def apply_chat_template(self, chat_history, add_generation_prompt=True) -> str:
        """Return a prompt as the chat template writes it.

        HFLM leaves out a system message that the template refuses, such as a task's description;
        here it is said, once.
        """
        if chat_history[0]["role"] == "system" and not self.takes_system and not self._said:
            self._said = True
            logger.error("the chat template takes no system message: descriptions are left out")
        return super().apply_chat_template(chat_history, add_generation_prompt)

    # --- lm-eval's cache of answers ---------------------------------------------------------------

    def set_cache_hook(self, cache_hook) -> None:
        """Take the cache of `--use_cache`, whose keys are the requests alone.

        All that changes an answer to a request names a table of its own in the cache's database, so
        that another approximation, model or precision finds no answers that are not its own.
        """
        super().set_cache_hook(cache_hook)
        if cache_hook.dbdict is not None:
            answers = cache_hook.dbdict
            answers.tablename = self._digest()
            columns = "(key TEXT PRIMARY KEY, value BLOB)"
            answers.conn.execute(f'CREATE TABLE IF NOT EXISTS "{answers.tablename}" {columns}')
            answers.conn.commit()

    def _digest(self) -> str:
        """Return a digest of all that answers depend on: weights, tokenizer, approximation, …"""
        tokenizer = getattr(self.tokenizer, "backend_tokenizer", None)
        settings = {
            "packages": packages(),
            **definitions("tasks"),
            "config": self.model.config.to_dict(),
            "attention": self.model.config._attn_implementation,
            "device": str(self.device) if self.device.type != "cuda" else device_kind("cuda"),
            "approximation": str(self.approximation),
            "arguments": self._arguments,
            "batch_size": self.batch_size,
            "max_length": self.max_length,
            "tokens": [self.prefix_token_id, self.eot_token_id, self.tok_encode("a b")],
            "tokenizer": tokenizer.to_str() if tokenizer else self.tokenizer.get_vocab(),
        }
        digest = hashlib.sha256(json.dumps(settings, default=str, sort_keys=True).encode())
        for name, weight in sorted(self.model.state_dict().items()):
            if weight.is_meta:
                what = "weights that are not in memory cannot be told apart"
                raise InputError(f"--use_cache: {what} ({name}); leave it out")
            digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
            digest.update(weight.detach().flatten().contiguous().cpu().view(torch.uint8).numpy())
        return digest.hexdigest()


def _document(request) -> tuple[str, int]:
    """Return the task and the number of the document that a request is of."""
    return request.task_name, request.doc_id
