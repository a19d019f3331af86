#!/usr/bin/env python3
"""Writes Tests/TokenizationTests/Goldens/folder_tokens.json: tokens that a folder names beside its tokenizer.json.

Each case is a folder of files, made by hand as people edit them, and what `transformers` makes of it: the ids of some texts,
and their texts again with special tokens kept and skipped. The tokenizer has a token for each byte, so only what the files
name can be another id.

Usage: python3 Tools/reference/folder_tokens.py
"""

import json
import pathlib
import tempfile

from transformers import PreTrainedTokenizerFast

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "Tests/TokenizationTests/Goldens/folder_tokens.json"

TEXTS = [
    "a<tool>b<tool2> <eos_new>c", "<|endoftext|><|im_start|>user\nHi <|im_end|>\n", "x <img> y<audio><pad>z", "<s>a</s> <mask>",
    "A<tool> <tool> <TOOL><tool", "caf\u00e9 Cafe\u0301<caf\u00e9>", "",
]


def added(id, content, special=True, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
    token.update(flags)
    return token


def described(content, special=True, **flags):
    token = added(0, content, special, **flags)
    del token["id"]
    return token


CHAT = [added(256, "<|endoftext|>"), added(257, "<|im_start|>"), added(258, "<|im_end|>")]
FULL = {str(token["id"]): described(token["content"]) for token in CHAT}
CONFIG, MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"

CASES = {
    "nothing beside": {},
    "an empty configuration": {CONFIG: {}},
    "added_tokens_decoder, as the file": {CONFIG: {"added_tokens_decoder": FULL}},
    "added_tokens_decoder, one more": {CONFIG: {"added_tokens_decoder": {**FULL, "259": described("<tool>", False)}}},
    "added_tokens_decoder, one more special": {CONFIG: {"added_tokens_decoder": {**FULL, "259": described("<tool>")}}},
    "added_tokens_decoder, ids that do not fit": {CONFIG: {"added_tokens_decoder": {"9": described("<tool2>"), "1000": described("<tool>"), "500": described("<img>")}}},
    "added_tokens_decoder, other flags": {CONFIG: {"added_tokens_decoder": {**FULL, "258": described("<|im_end|>", rstrip=True), "256": described("<|endoftext|>", False)}}},
    "added_tokens_decoder, white space": {CONFIG: {"added_tokens_decoder": {"300": described("<img>", lstrip=True, rstrip=True), "301": described("<tool>", single_word=True)}}},
    "added_tokens_decoder, normalized": {CONFIG: {"added_tokens_decoder": {"300": described("<cafe\u0301>", False, normalized=True)}}, "normalizer": {"type": "NFC"}},
    "added_tokens_decoder, a token of the vocabulary": {CONFIG: {"added_tokens_decoder": {"65": described("A")}}},
    "added_tokens_decoder, and the older files": {CONFIG: {"added_tokens_decoder": FULL}, MAP: {"eos_token": "<eos_new>"}, ADDED: {"<tool>": 259}},
    "added_tokens_decoder, little said": {CONFIG: {"added_tokens_decoder": {"259": {"content": "<tool>"}, "260": {"content": "<img>", "special": True}}}},
    "additional_special_tokens": {CONFIG: {"additional_special_tokens": ["<tool>", "<|im_end|>", "<tool2>", "<tool>"]}},
    "extra_special_tokens": {CONFIG: {"extra_special_tokens": ["<tool>", "<tool2>"]}},
    "both lists": {CONFIG: {"extra_special_tokens": ["<tool>"], "additional_special_tokens": ["<tool2>"]}},
    "both lists, the newer one empty": {CONFIG: {"extra_special_tokens": [], "additional_special_tokens": ["<tool2>"]}},
    "both lists, the older one null": {CONFIG: {"additional_special_tokens": None}},
    "extra tokens with names": {CONFIG: {"extra_special_tokens": {"image_token": "<img>", "audio": "<audio>"}, "eos_token": "<eos_new>"}},
    "extra tokens as objects": {CONFIG: {"extra_special_tokens": [{"__type": "AddedToken", **described("<tool>", False)}, {"__type": "AddedToken", **described("<img>", rstrip=True)}]}},
    "a name of its own": {CONFIG: {"image_token": "<img>", "pad_token": "<pad>", "note": "<tool>"}},
    "named tokens": {CONFIG: {"mask_token": "<mask>", "eos_token": "<eos_new>", "bos_token": "<s>", "pad_token": None, "unk_token": "<|endoftext|>", "extra_special_tokens": ["<tool>", "<s>"]}},
    "a named token as an object": {CONFIG: {"mask_token": {"__type": "AddedToken", **described("<mask>", lstrip=True)}, "eos_token": {"__type": "AddedToken", **described("<eos_new>", False, normalized=True)}}},
    "a named token of the decoder, not special there": {CONFIG: {"eos_token": "<tool>", "added_tokens_decoder": {"270": described("<tool>", False)}}},
    "a named token of the vocabulary": {CONFIG: {"eos_token": "A"}},
    "added_tokens.json": {ADDED: {"<tool>": 259, "<tool2>": 260}},
    "added_tokens.json, ids out of order": {ADDED: {"<tool>": 400, "<tool2>": 300}, CONFIG: {"eos_token": "<tool>"}},
    "added_tokens.json, an id that is taken": {ADDED: {"<tool>": 256, "<tool2>": 5}},
    "added_tokens.json, normalized": {ADDED: {"<cafe\u0301>": 259}, "normalizer": {"type": "NFC"}},
    "special_tokens_map.json": {MAP: {"additional_special_tokens": ["<tool>"], "eos_token": "<eos_new>"}},
    "special_tokens_map.json, newer list": {MAP: {"extra_special_tokens": ["<tool>", "<tool2>"]}, CONFIG: {"extra_special_tokens": ["<img>", "<tool>"]}},
    "special_tokens_map.json, older list beside the newer": {MAP: {"additional_special_tokens": ["<tool>"]}, CONFIG: {"extra_special_tokens": ["<img>"]}},
    "special_tokens_map.json, older list beside the older": {MAP: {"additional_special_tokens": ["<tool>"]}, CONFIG: {"additional_special_tokens": ["<img>"]}},
    "special_tokens_map.json, objects": {MAP: {"mask_token": described("<mask>", lstrip=True), "eos_token": "<eos_new>", "image_token": "<img>"}, CONFIG: {"eos_token": "<s>", "bos_token": "<s>"}},
    "special_tokens_map.json, newer list of objects": {MAP: {"extra_special_tokens": [{"content": "<img>", "rstrip": True, "normalized": False}]}},
    "special_tokens_map.json, names": {MAP: {"extra_special_tokens": {"image_token": "<img>"}}, CONFIG: {"audio_token": "<audio>"}},
    "all of it": {
        MAP: {"eos_token": "<eos_new>", "pad_token": described("<pad>")}, ADDED: {"<tool2>": 261, "<eos_new>": 259, "<tool>": 260},
        CONFIG: {"bos_token": "<s>", "image_token": "<img>", "additional_special_tokens": ["<audio>", "<tool>"]},
    },
    "canonically equivalent tokens": {CONFIG: {"extra_special_tokens": ["Cafe\u0301", "caf\u00e9", "cafe\u0301"]}},
    "no added tokens in the file": {CONFIG: {"eos_token": "</s>", "bos_token": "<s>"}, "added_tokens": []},
}


def tokenizer_json(files):
    keep = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    vocab = {chr(byte if byte in keep else next(others)): byte for byte in range(256)}
    steps = [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]
    return {
        "version": "1.0", "added_tokens": files.get("added_tokens", CHAT), "normalizer": files.get("normalizer"),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}, "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": []},
    }


def case(name, files):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(files)))
        for file in (CONFIG, MAP, ADDED):
            if file in files:
                (folder / file).write_text(json.dumps(files[file]))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder))
        rows = []
        for text in TEXTS:
            ids = tokenizer.encode(text, add_special_tokens=False)
            rows.append([ids, tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=True)])
        return {
            "name": name, "members": {"added_tokens": files.get("added_tokens", CHAT), "normalizer": files.get("normalizer")},
            "files": {file: files[file] for file in (CONFIG, MAP, ADDED) if file in files},
            "size": len(tokenizer), "special_tokens": tokenizer.special_tokens_map, "rows": rows,
        }


GOLDEN.write_text(json.dumps({"texts": TEXTS, "cases": [case(*item) for item in CASES.items()]}, separators=(",", ":")) + "\n")
print(GOLDEN, GOLDEN.stat().st_size, "bytes")
