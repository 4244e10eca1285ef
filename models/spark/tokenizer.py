"""Trains spark's tokenizer on generated text and writes the tokenizer files.

    python tokenizer.py            -> build/tokenizer/tokenizer.json, build/tokenizer/tokenizer_config.json

Weights belong to the vocabulary they were trained with, so `model/` is not touched: name the new
one to pack.py, train.py and export.py with --tokenizer.

Byte-level BPE with the family's normaliser, pre-tokenizer and special tokens.
"""

import json
import re
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from generator import mix
from shape import SPARK

HERE = Path(__file__).parent
# The family's splitting rule; digits come one by one, so sums can be learned digit by digit.
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]           # never shown to a user
MARKS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]


SPECIAL = re.compile("|".join(re.escape(t) for t in CONTROL + MARKS))
TEXT_MOST = 4000                                            # characters of one conversation: long ones are many copies of short ones


def corpus(count):
    for seed in range(count):
        for text in SPECIAL.split(mix.sample(seed, "train")[:TEXT_MOST]):
            if text:
                yield text


def build(count=20000):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    room = SPARK.vocab_size - len(CONTROL) - len(MARKS)
    trainer = trainers.BpeTrainer(vocab_size=room, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus(count), trainer)
    assert tokenizer.get_vocab_size() == room, tokenizer.get_vocab_size()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in CONTROL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in MARKS])
    assert tokenizer.get_vocab_size() == SPARK.vocab_size
    return tokenizer


def main():
    out = HERE / "build" / "tokenizer"
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = build()
    (out / "tokenizer.json").write_text(tokenizer.to_str(pretty=True) + "\n")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": SPARK.max_position_embeddings,
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(t)): {"content": t, "lstrip": False, "normalized": False, "rstrip": False,
                                            "single_word": False, "special": t in CONTROL} for t in CONTROL + MARKS},
        "chat_template": (HERE / "chat_template.jinja").read_text(),
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    print("vocabulary:", tokenizer.get_vocab_size(), {t: tokenizer.token_to_id(t) for t in CONTROL + MARKS})


if __name__ == "__main__":
    main()
