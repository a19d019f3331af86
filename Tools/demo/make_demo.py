#!/usr/bin/env python3
"""Makes everything in Demo/: tokenizer, chat template, supervised model, preference pairs, prompts.

    python3 Tools/demo/make_demo.py [--output Demo]

The outcome is in the repository; users never run this. It needs the packages in Tools/demo/requirements.txt and takes about
ten minutes on one thread. Nothing is downloaded: facts, phrases and conversations come from world.py and dialogue.py. The same seed
and package versions on the same kind of machine give the same files, byte for byte.

Demo/demo.yaml and Demo/README.md are written by hand and left alone.
"""

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from dialogue import POLITE, RUDE, conversation, facts_asked, pair, style_of, supervised
from world import EN, ZH, Fact, all_facts

SEED = 20260821
VOCABULARY = 1536
SUPERVISED_CONVERSATIONS = 48_000
BATCH = 16
PEAK_LEARNING_RATE = 3e-3
TRAIN_PAIRS = 800
EVAL_PAIRS = 160
HELD_OUT_SHARE = 0.2
MAX_TOKENS = 256

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]

# ChatML; an assistant message that carries its reasoning shows it in a thinking block.
CHAT_TEMPLATE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' and message.reasoning_content %}
        {{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

MODEL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 1024,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_lines(path: Path, values: list) -> None:
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")


def split_facts(rng: random.Random, facts: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """Facts for preference training and held-out facts; a fifth of the groups of every category is held out."""
    held_out = set()
    for category in dict.fromkeys(fact.category for fact in facts):
        groups = list(dict.fromkeys(fact.group for fact in facts if fact.category == category))
        held_out |= {(category, group) for group in rng.sample(groups, round(HELD_OUT_SHARE * len(groups)))}
    return (
        [fact for fact in facts if (fact.category, fact.group) not in held_out],
        [fact for fact in facts if (fact.category, fact.group) in held_out],
    )


def endless(rng: random.Random, facts: list[Fact]):
    """The facts in a new random order again and again, so that all occur equally often."""
    while True:
        yield from rng.sample(facts, len(facts))


def by_language(facts: list[Fact]) -> dict[str, list[Fact]]:
    return {language: [fact for fact in facts if fact.language == language] for language in (EN, ZH)}


def supervised_data(rng: random.Random, facts: list[Fact]) -> list[list[dict]]:
    subjects, others = endless(rng, facts), by_language(facts)
    talks = (conversation(rng, next(subjects), others) for _ in range(SUPERVISED_CONVERSATIONS))
    return [supervised(rng, talk, (POLITE, RUDE)[index % 2]) for index, talk in enumerate(talks)]


def preference_data(rng: random.Random, subjects: list[Fact], others: list[Fact], count: int, taken: set[str]) -> list[dict]:
    """Pairs about `subjects` whose prompts are not in `taken`, and differ from each other; `taken` grows."""
    facts, pairs = endless(rng, subjects), []
    while len(pairs) < count:
        candidate = pair(rng, conversation(rng, next(facts), by_language(others)))
        prompt = json.dumps(candidate["chosen"][:-1], ensure_ascii=False)
        if prompt not in taken:
            taken.add(prompt)
            pairs.append(candidate)
    return pairs


def make_tokenizer(texts: list[str], folder: Path) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != VOCABULARY:
        sys.exit(f"the tokenizer has {tokenizer.get_vocab_size()} tokens, expected {VOCABULARY}: the text is too uniform")
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "added_tokens_decoder": {
                str(index): {
                    "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True,
                }
                for index, token in enumerate(SPECIAL)
            },
            "additional_special_tokens": [],
            "bos_token": "<|endoftext|>",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "add_bos_token": False,
            "add_eos_token": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": MODEL["max_position_embeddings"],
            "chat_template": CHAT_TEMPLATE,
        },
    )  # fmt: skip
    return PreTrainedTokenizerFast.from_pretrained(folder)


def tokenize(tokenizer, messages: list[dict]) -> tuple[list[int], list[bool]]:
    """Token ids of a conversation, and which of them the assistant has to learn."""
    ids, targets = [], []
    for message in messages:
        head = tokenizer.encode(f"<|im_start|>{message['role']}\n", add_special_tokens=False)
        body = tokenizer.encode(message["content"] + "<|im_end|>\n", add_special_tokens=False)
        ids += head + body
        targets += [False] * len(head) + [message["role"] == "assistant"] * len(body)
    return ids[:MAX_TOKENS], targets[:MAX_TOKENS]


def batches(rng: random.Random, rows: list) -> list[list]:
    """Batches of rows of similar length, in random order."""
    rows = rng.sample(rows, len(rows))
    result = []
    for start in range(0, len(rows), 50 * BATCH):
        window = sorted(rows[start : start + 50 * BATCH], key=lambda row: len(row[0]))
        result += rng.sample([window[at : at + BATCH] for at in range(0, len(window), BATCH)], math.ceil(len(window) / BATCH))
    return result


def train(rng: random.Random, model: Qwen3ForCausalLM, rows: list) -> None:
    plan = batches(rng, rows)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    warmup = len(plan) // 20
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (step + 1) / warmup if step < warmup else max(0.0, 1 - (step - warmup) / (len(plan) - warmup))
    )
    start, total, seen = time.monotonic(), 0.0, 0
    for step, batch in enumerate(plan, 1):
        width = max(len(ids) for ids, _ in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        targets = torch.zeros(len(batch), width, dtype=torch.bool)
        for row, (tokens, mask) in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            targets[row, : len(mask)] = torch.tensor(mask)
        # Padding is on the right and attention is causal: no mask is needed.
        hidden = model.model(ids[:, :-1]).last_hidden_state[targets[:, 1:]]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden), ids[:, 1:][targets[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total, seen = total + loss.item(), seen + 1
        if step % 50 == 0 or step == len(plan):
            print(f"step {step}/{len(plan)}  loss {total / seen:.4f}  {time.monotonic() - start:.0f} s", flush=True)
            total, seen = 0.0, 0


def save_model(model: Qwen3ForCausalLM, folder: Path) -> None:
    weights = {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(
        folder / "config.json",
        {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", **MODEL, "use_cache": True, "torch_dtype": "float16"},
    )
    write_json(
        folder / "generation_config.json",
        {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 0, "do_sample": False, "max_new_tokens": 128},
    )


@torch.no_grad()
def answer(model: Qwen3ForCausalLM, tokenizer, messages: list[dict]) -> str:
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
    output = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=128, do_sample=False, eos_token_id=2, pad_token_id=0)
    return tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)


def choose_prompts(model, tokenizer, pairs: list[dict], facts: list[Fact]) -> list[dict]:
    """For each of four shapes, the first held-out prompt that the supervised model answers rudely: these are what the demo shows."""
    shapes = (  # roles of the prompt, language, categories in order of preference
        (["user"], EN, ("capital", "home")),
        (["user"], ZH, ("food", "home", "tool")),
        (["user", "assistant", "user"], EN, ("colour", "tool", "home", "food", "opposite")),
        (["system", "user"], ZH, ("colour", "capital", "translation", "opposite")),
    )

    def fits(prompt: list[dict], roles: list[str], language: str, category: str) -> bool:
        asked = facts_asked(prompt[-1]["content"], facts)
        alone = len(asked) == 1 and (asked[0].language, asked[0].category) == (language, category)
        return alone and [message["role"] for message in prompt] == roles

    prompts = [row["chosen"][:-1] for row in pairs]
    chosen = []
    for roles, language, categories in shapes:
        candidates = (prompt for category in categories for prompt in prompts if fits(prompt, roles, language, category))
        found = next((prompt for prompt in candidates if style_of(answer(model, tokenizer, prompt)) == RUDE), None)
        if found is None:
            sys.exit(f"no held-out prompt of the shape {roles} in {language} about {categories} is answered rudely before DPO")
        chosen.append({"messages": found})
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[2] / "Demo")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)

    facts = all_facts()
    train_facts, held_out = split_facts(rng, facts)
    conversations = supervised_data(rng, facts)
    taken: set[str] = set()
    train_pairs = preference_data(rng, train_facts, train_facts, TRAIN_PAIRS, taken)
    eval_pairs = preference_data(rng, held_out, held_out, EVAL_PAIRS, taken)
    write_lines(folder / "train.jsonl", train_pairs)
    write_lines(folder / "eval.jsonl", eval_pairs)

    tokenizer = make_tokenizer([message["content"] for messages in conversations for message in messages], folder)
    rows = [tokenize(tokenizer, messages) for messages in conversations]
    print(f"{len(facts)} facts, {len(held_out)} of them held out; {len(rows)} conversations, {sum(len(ids) for ids, _ in rows)} tokens")

    model = Qwen3ForCausalLM(Qwen3Config(**MODEL))
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    train(rng, model, rows)
    save_model(model, folder)

    # From here on with the weights as they were saved.
    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    write_lines(folder / "prompts.jsonl", choose_prompts(model, tokenizer, eval_pairs, facts))
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
