#!/usr/bin/env python3
"""Writes Tests/TokenizationTests/Goldens: small byte-level BPE tokenizers and what Hugging Face `tokenizers` makes of texts.

- `<name>.tokenizer.json`: trained here, one for each style of pre-tokenizer and added tokens.
- `texts.json`: the texts. `<name>.ids.json`: their ids in that order; `with_special_tokens`: the ids of the first texts with
  the post-processor; `decoded`: random ids with their text, special tokens kept and skipped.
- `pieces.json`: pre-tokenizers, mostly regular expressions, and the pieces into which they cut some texts.
- `minimind.ids.json`: the same for MiniMind's own tokenizer, if `--minimind` (default: ../shared/minimind) holds one. Ids only.

Usage: python3 Tools/reference/tokenizer_goldens.py [--minimind FOLDER]
"""

import argparse
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_texts import corpus, texts

SEED = 20261124
GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "Tests/TokenizationTests/Goldens"

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|" + TAIL
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|" + TAIL
QWEN_MARKS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|" + TAIL
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|" + TAIL
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTIONS + "?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTIONS + "?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|" + TAIL
)
# Patterns for the general engine: those of published tokenizers, and one for each feature.
PATTERNS = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|""" + TAIL,
    r"(?:\r?\n)+|[^\r\n]+", r"\w+|[^\w\s]+", r"\d+", r"\D+?\d", r"\bthe\b", r"\B.", r"^.", r".$", r"\A\S+", r"\S+\z", r"\S+\Z", r"(?<=a).", r"(?<![\p{L}'])\p{L}",
    r"(?<=\r\n|ab).", r"(?i:the|KEY|[a-f]x)", r"(?i)i'?ll|we", r"(ab)+?c?|(a|b){2,3}", r"(?>a+)b|a*+", r"x++|\s*+\S", r"[^\p{Lu}]{2,4}?", r"a{2,}|b{,3}",
    r"\P{L}+", r"[\p{^N}]?\p{N}", r"(?=[A-Z])", r"\s", r"", r"(?!a)\w(?=\W|$)", r"[\]\-a\\^]+|[-+]", r"\x{4e2d}|\u4f60.|\x41", r"[\t-\r ]{2}",
    r"\p{Lo}{1,4}", r".|\n", r"(?:(?:[a-z]+_?)+|\d)(?:-|\b)", r"[\S\n]+", r"\p{Sc}\d+(?:[.,]\d+)*", r"(?-i:a)|(?i:b(?-i:c))",
]


def trained(pre_tokenizer, decoder=True, vocab=640, alphabet=True, special=("<|endoftext|>", "<|im_start|>", "<|im_end|>"), normalizer=None, model=None):
    tokenizer = Tokenizer(models.BPE(**(model or {})))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    if decoder:
        tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=list(special), show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else [])
    tokenizer.train_from_iterator(corpus(SEED), trainer)
    return tokenizer


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **options})


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior, invert), byte_level(use_regex=False)])


def tokenizers():
    """Name, tokenizer, and whether merges are written `"a b"`."""
    gpt2 = trained(byte_level())
    gpt2.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("<sep>", rstrip=True, special=True)])
    gpt2.add_tokens([
        AddedToken("word", single_word=True), AddedToken("<word>", lstrip=True, rstrip=True, normalized=False), "  ", "\n\n", AddedToken("<tool"),
        AddedToken("<tool>"), AddedToken("<tool>>", normalized=False)])
    yield "gpt2", gpt2, True

    roberta = trained(
        byte_level(add_prefix_space=True), alphabet=False, special=("<s>", "</s>", "<unk>", "<mask>"), vocab=560, model={"unk_token": "<unk>", "fuse_unk": True})
    roberta.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    yield "roberta", roberta, True

    qwen = trained(split(QWEN2), normalizer=normalizers.NFC())
    qwen.add_tokens([AddedToken(t, normalized=False) for t in ("<think>", "</think>", "<tool_call>", "</tool_call>")])
    qwen.add_tokens([AddedToken("e\u0301|", normalized=True), AddedToken("\u212b~", normalized=True), AddedToken("é|x", normalized=False)])
    yield "qwen", qwen, False

    llama = trained(split(LLAMA3, "removed", True), special=("<|begin_of_text|>", "<|endoftext|>", "<|eot_id|>"))
    llama.post_processor = processors.Sequence([
        processors.ByteLevel(), processors.TemplateProcessing("<|begin_of_text|> $A <|eot_id|>", special_tokens=[("<|begin_of_text|>", 0), ("<|eot_id|>", 2)])])
    yield "llama3", llama, False

    digits = trained(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("contiguous"), byte_level()]), alphabet=False, decoder=False)
    yield "digits", digits, True

    o200k = trained(split(O200K), vocab=700)
    o200k.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()])
    yield "o200k", o200k, False


def written(name, tokenizer, joined):
    """The file's content: changed where Python offers no way to."""
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    model["merges"] = [" ".join(m) if joined else m for m in (m.split(" ") if isinstance(m, str) else m for m in model["merges"])]
    if name == "llama3":
        # Words that no merge produces: only `ignore_merges` finds them.
        model["ignore_merges"] = True
        for word in ("Ġalignment", "Ġpreference", "è¯Ńè¨Ģ", "12", "Ġhonestly"):
            model["vocab"].setdefault(word, len(model["vocab"]))
    return content


def decoded(tokenizer, rng, count):
    """Random ids, many of which are not valid UTF-8, and ids that are not tokens."""
    size = tokenizer.get_vocab_size()
    rows = []
    for _ in range(count):
        ids = [rng.choice([rng.randrange(size), rng.randrange(min(size, 270)), rng.randrange(4)]) for _ in range(rng.randint(1, 9))]
        if rng.random() < 0.2:
            ids.insert(rng.randrange(len(ids)), size + rng.randrange(1000))
        rows.append([ids, tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids, skip_special_tokens=True)])
    return rows


def expectations(tokenizer, strings):
    return {
        "ids": [e.ids for e in tokenizer.encode_batch(strings, add_special_tokens=False)],
        "with_special_tokens": [e.ids for e in tokenizer.encode_batch(strings[:40], add_special_tokens=True)],
        "decoded": decoded(tokenizer, random.Random(SEED), 150),
    }


def pieces(strings):
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in (GPT2, QWEN2, QWEN_MARKS, LLAMA3, O200K)]
    splits += [pre_tokenizers.Split(Regex(p), "isolated") for p in PATTERNS]
    for behavior in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            splits += [pre_tokenizers.Split(Regex(r"\s|\d"), behavior, invert), pre_tokenizers.Split(" ", behavior, invert)]
        splits += [pre_tokenizers.Split(Regex(QWEN2), behavior, behavior == "removed"), pre_tokenizers.Punctuation(behavior)]
    splits += [pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Digits(individual_digits=True)]
    splits.append(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in PATTERNS[:3]]))
    rng = random.Random(SEED)
    short = [s for s in strings if 0 < len(s) <= 40]
    rows = []
    for splitter in splits:
        chosen = rng.sample(short, 44)
        definition = json.loads(holding(splitter).to_str())["pre_tokenizer"]
        rows.append({"pre_tokenizer": definition, "pieces": [[t, [t[a:b] for _, (a, b) in splitter.pre_tokenize_str(t)]] for t in chosen]})
    return rows


def holding(pre_tokenizer):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def write(name, content):
    text = json.dumps(content, separators=(",", ":"))
    (GOLDENS / name).write_text(text + "\n", encoding="utf-8", newline="")
    print(f"{name}: {len(text.encode()) / 1024:.0f} KiB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minimind", type=pathlib.Path, default=GOLDENS.parents[3] / "shared/minimind")
    arguments = parser.parse_args()
    GOLDENS.mkdir(parents=True, exist_ok=True)
    strings = texts(SEED, 2200)
    write("texts.json", strings)
    for name, tokenizer, joined in tokenizers():
        content = written(name, tokenizer, joined)
        write(f"{name}.tokenizer.json", content)
        write(f"{name}.ids.json", expectations(Tokenizer.from_str(json.dumps(content)), strings))
    write("pieces.json", pieces(strings))
    if (arguments.minimind / "tokenizer.json").exists():
        write("minimind.ids.json", expectations(Tokenizer.from_file(str(arguments.minimind / "tokenizer.json")), strings))
    else:
        print(f"minimind.ids.json: left as it is, {arguments.minimind} holds no tokenizer.json")


if __name__ == "__main__":
    main()
