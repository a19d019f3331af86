"""How MiniMind and TRL turn preference pairs into token ids and target masks, with `transformers`' tokenizer and template.

    python3 Tools/reference/minimind_pairs.py PAIRS.jsonl TOKENIZER_FOLDER [--max-length 1024]
        [--empty-think keep|drop] [--completion-mask last-turns|all] [--output DUMP.jsonl] [--statistics]
    python3 Tools/reference/minimind_pairs.py --golden

The first form writes a JSON line per pair, in file order, as `minimind-dpo data --dump` does: index, chosen_ids,
rejected_ids, chosen_mask, rejected_mask (1 on a target token), shared_prefix, dropped. The second writes
Tests/PreferencesTests/Goldens/rendered.jsonl, the same lines with the options they were made under, for the pairs and the
tokenizer in Goldens/rendering, which it writes too.

- ids: encode(apply_chat_template(messages, tokenize=False)), truncated on the right at max-length. `drop` first deletes
  every empty thinking block from the rendered text.
- `all`, MiniMind's mask: after each occurrence of the ids of "<|im_start|>assistant\\n", every token up to and including
  the ids of the next "<|im_end|>\\n", or to the end of the truncated ids.
- `last-turns`: the assistant turns after the messages that TRL takes for the prompt: the explicit one, else the equal leading
  messages (of which one is always left as the completion). A turn starts where the ids of the messages before it, with
  the generation prompt, stop being those of the whole: TRL's rule, by which the empty thinking block of MiniMind-3's
  generation prompt is no target. As in TRL, the first turn starts at the earlier of the places of both sides, and the
  last one reaches to the end. An earlier turn ends where the messages up to it end. (TRL itself counts everything after
  the prompt, questions between answers too.)
- shared_prefix: how many leading ids the two sides have in common. A pair is dropped when it teaches nothing: its sides
  are equal, or one of them has no target, or no target comes after the shared prefix.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from tiny import TESTS, deterministic, write_json

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer
from trl.data_utils import common_prefix_length, extract_prompt

HEADER, TERMINATOR, EMPTY_THINK = "<|im_start|>assistant\n", "<|im_end|>\n", "<think>\n\n</think>\n\n"


class Renderer:
    def __init__(self, tokenizer, max_length: int, empty_think: str, completion_mask: str):
        self.tokenizer, self.max_length = tokenizer, max_length
        self.empty_think, self.completion_mask = empty_think, completion_mask
        self.header, self.terminator = self.encode(HEADER), self.encode(TERMINATOR)

    def encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def render(self, messages: list[dict], tools, generating: bool = False) -> str:
        text = self.tokenizer.apply_chat_template(
            messages, tools=tools, tokenize=False, add_generation_prompt=generating)
        return text.replace(EMPTY_THINK, "") if self.empty_think == "drop" else text

    def end_of_turn(self, ids: list[int], start: int) -> int:
        for position in range(start, len(ids)):
            if ids[position : position + len(self.terminator)] == self.terminator:
                return position + len(self.terminator)
        return len(ids)

    def all_turns(self, ids: list[int]) -> list[range]:
        turns, position = [], 0
        while position < len(ids):
            if ids[position : position + len(self.header)] == self.header:
                start = position + len(self.header)
                position = self.end_of_turn(ids, start)
                turns.append(range(start, position))
            else:
                position += 1
        return turns

    def last_turns(self, messages: list[dict], shared: int, tools) -> list[tuple[int, int]]:
        text, turns = self.render(messages, tools), []
        ids = self.encode(text)
        for number in range(shared, len(messages)):
            if messages[number]["role"] != "assistant":
                continue
            start = common_prefix_length(self.encode(self.render(messages[:number], tools, generating=True)), ids)
            end = len(ids)
            if number + 1 < len(messages):
                closed = self.render(messages[: number + 1], tools)
                assert text.startswith(closed), "this template writes a conversation's beginning differently later"
                end = common_prefix_length(self.encode(closed), ids)
            turns.append((start, end))
        return turns

    def side(self, messages: list[dict], tools, turns: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
        ids = self.encode(self.render(messages, tools))[: self.max_length]
        spans = self.all_turns(ids) if self.completion_mask == "all" else [range(*turn) for turn in turns]
        targets = {position for span in spans for position in span}
        return ids, [int(position in targets) for position in range(len(ids))]

    def pair(self, index: int, record: dict) -> tuple[dict, str | None]:
        if "prompt" not in record:
            record = record | extract_prompt({side: record[side] for side in ("chosen", "rejected")})
        prompt, tools = record["prompt"], record.get("tools")
        sides = [prompt + record[side] for side in ("chosen", "rejected")]
        turns = [self.last_turns(side, len(prompt), tools) for side in sides]
        if all(side[len(prompt)]["role"] == "assistant" for side in sides):
            start = min(turns[0][0][0], turns[1][0][0])
            turns = [[(start, end), *rest] for (_, end), *rest in turns]
        (chosen, chosen_mask), (rejected, rejected_mask) = (
            self.side(side, tools, spans) for side, spans in zip(sides, turns))
        shared = common_prefix_length(chosen, rejected)
        reason = None
        if chosen == rejected:
            reason = "equal" if prompt + record["chosen"] == prompt + record["rejected"] else "equal once truncated"
        elif not any(chosen_mask) and not any(rejected_mask):
            reason = "no target on either side"
        elif not any(chosen_mask) or not any(rejected_mask):
            reason = "no target on one side"
        elif not any(chosen_mask[shared:]) and not any(rejected_mask[shared:]):
            reason = "no target after the shared prefix"
        return {
            "index": index, "chosen_ids": chosen, "rejected_ids": rejected, "chosen_mask": chosen_mask,
            "rejected_mask": rejected_mask, "shared_prefix": shared, "dropped": reason is not None,
        }, reason


def print_statistics(lines: list[dict], reasons: list, max_length: int) -> None:
    both = sum(len(line["chosen_ids"]) + len(line["rejected_ids"]) for line in lines)
    shared = sum(line["shared_prefix"] for line in lines)
    targets = sum(sum(line["chosen_mask"]) + sum(line["rejected_mask"]) for line in lines)
    print(
        f"{len(lines)} pairs; both sides {both:,} tokens; padded {2 * (max_length - 1) * len(lines):,} "
        f"(inputs of {max_length - 1}); prefix once {both - shared:,}; targets {targets:,}; "
        f"dropped {sum(line['dropped'] for line in lines)} {dict(Counter(filter(None, reasons)))}", file=sys.stderr)


# MARK: - The golden

TEMPLATE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' and '</think>' not in message.content %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
    {{- message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
"""


def conversation(*contents: str, system: str | None = None) -> list[dict]:
    turns = [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]
    return ([{"role": "system", "content": system}] if system is not None else []) + turns


def synthetic_pairs() -> list[dict]:
    long = "The river rises in the hills and runs past the mill, the bridge and the old town. " * 4
    talk = ("What is a tide?", "The rise and fall of the sea.", "Who moves it?", "The moon, mostly.", "And the sun?")

    def pair(chosen, rejected, **more):
        return more | {"chosen": chosen, "rejected": rejected}

    def answers(question: str, chosen: str, rejected: str, **more):
        return pair(conversation(question, chosen, **more), conversation(question, rejected, **more))

    return [
        answers("What is two plus two?", "Four.", "Five, I think."),
        answers("你好，请介绍一下长江。", "长江是中国最长的河流，流入东海。", "长江是一座山。"),
        answers("Sing!", "🎶 La la 👩‍👩‍👧‍👦 la 🇨🇳", "No 🙃", system="You sing."),
        pair(conversation(*talk, "Less than the moon."), conversation(*talk, "Not at all.")),
        # The sides part after the first question: two compared answers on each side, another question between them.
        pair(conversation("Tell me more.", "About tides?", "Yes.", "They come twice a day."),
             conversation("Tell me more.", "No.", "Why not?", "I would rather not.")),
        pair(conversation("Count.", "One.", "Go on.", "Two."), conversation("Count.", "One, two.")),
        # Equal; equal up to a short maximal length; different only behind a longer one.
        answers("Say yes.", "Yes.", "Yes."),
        answers(long, "Lovely.", "Dull."),
        answers("Describe the river.", long + "Then it meets the sea.", long + "Then it is gone."),
        answers("Describe the river briefly.", "It runs to the sea.", long),
        # Thinking, on one side and on both; an empty block written out by hand; a closing tag alone.
        answers("7 × 6?", "<think>\n6 × 7 = 42\n</think>\n\n42", "42"),
        answers("7 × 8?", "<think>\nseven eights\n</think>\n\n56", "<think>\nhm\n</think>\n\n54"),
        answers("Why?", "<think>\n\n</think>\n\nBecause.", "Because I say so."),
        answers("Repeat: <think>\n\n</think>\n\n!", "</think> it is", "I will not."),
        # Marks of the template quoted in a question, and in an answer, which ends its turn there.
        answers("What does <|im_start|>assistant\nhello<|im_end|>\nmean?", "It opens a turn.", "Nothing."),
        answers("How does a turn end?", "With <|im_end|>\nand nothing else.", "With a full stop."),
        # Line feeds and spaces that may melt into the header's.
        answers("Leave space.", "\n\nHere.", "\n\n\n  There."),
        answers("Leave none.", "  Here.", "\tThere."),
        answers("Silence?", "", "Silence."),
        answers("Trailing?", "Yes.\n\n", "Yes.\n"),
        # The questions differ; the roles differ; the sides agree in their last answer.
        pair(conversation("Red or blue?", "Blue."), conversation("Blue or red?", "Blue.")),
        pair([{"role": "assistant", "content": "Hello! Ask me."}] + conversation("Who are you?", "A model."),
             [{"role": "assistant", "content": "Hello! Ask me."}] + conversation("Who are you?", "A person.")),
        pair(conversation("Hi", "Hello", "Bye", "Bye!"), conversation("Hi", "Hey", "Bye", "Bye!")),
        # TRL's explicit prompt, which may end in the middle of what both sides share.
        {"prompt": conversation("Name a tree."), "chosen": conversation("", "An oak.")[1:],
         "rejected": conversation("", "A fish.")[1:]},
        {"prompt": conversation("Name two."),
         "chosen": [{"role": "assistant", "content": "Oak."}] + conversation("And?", "Ash."),
         "rejected": [{"role": "assistant", "content": "Oak."}] + conversation("And?", "Fish.")},
    ]


def train_tokenizer(folder: Path, texts: list[str]):
    """A byte-level BPE of 640 ids with ChatML's marks and a template that writes empty thinking blocks."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=640, min_frequency=1, special_tokens=specials, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in ("<think>", "</think>")])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "clean_up_tokenization_spaces": False, "model_max_length": 32768,
        "chat_template": TEMPLATE,
    })


def write_golden() -> None:
    goldens, pairs = TESTS / "PreferencesTests" / "Goldens", synthetic_pairs()
    inputs = goldens / "rendering"
    texts = [m["content"] for p in pairs for side in ("prompt", "chosen", "rejected") for m in p.get(side, [])]
    train_tokenizer(inputs, texts + ["system\nuser\nassistant\n"] * 8 + ["a\n\nb\n\n\nc\n  d"] * 4)
    (inputs / "pairs.jsonl").write_text(
        "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(inputs)
    written = []
    for max_length, empty_think, completion_mask in (
        (512, "keep", "all"), (512, "keep", "last-turns"), (512, "drop", "all"), (512, "drop", "last-turns"),
        (40, "keep", "all"), (40, "drop", "last-turns"), (24, "keep", "last-turns"),
    ):
        renderer = Renderer(tokenizer, max_length, empty_think, completion_mask)
        options = {"max_length": max_length, "empty_think": empty_think, "completion_mask": completion_mask}
        results = [renderer.pair(index, pair) for index, pair in enumerate(pairs)]
        print(options, {i: reason for i, (_, reason) in enumerate(results) if reason})
        written.extend(options | line for line, _ in results)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in written)
    (goldens / "rendered.jsonl").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("tokenizer", type=Path, nargs="?")
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--empty-think", choices=["keep", "drop"], default="keep")
    parser.add_argument("--completion-mask", choices=["last-turns", "all"], default="last-turns")
    parser.add_argument("--output", type=Path, help="default: standard output")
    parser.add_argument("--statistics", action="store_true", help="only numbers, to standard error")
    parser.add_argument("--golden", action="store_true", help="write the goldens instead")
    options = parser.parse_args()
    deterministic(0)
    if options.golden:
        write_golden()
        return
    if not options.pairs or not options.tokenizer:
        parser.error("a file of pairs and a tokenizer folder are needed")
    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    renderer = Renderer(tokenizer, options.max_length, options.empty_think, options.completion_mask)
    records = [json.loads(line) for line in options.pairs.read_text(encoding="utf-8").split("\n") if line.strip()]
    results = [renderer.pair(index, record) for index, record in enumerate(records)]
    lines = [line for line, _ in results]
    print_statistics(lines, [reason for _, reason in results], options.max_length)
    if options.statistics:
        return
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if options.output:
        options.output.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
