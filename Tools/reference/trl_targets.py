"""The targets that TRL takes from pairs of conversations, with chat templates of many kinds.

    python3 Tools/reference/trl_targets.py
    python3 Tools/reference/trl_targets.py --check FOLDER OUT.json

The first form writes Tests/PreferencesTests/Goldens/targets.json, with the templates in `templates/turns` and those that
`chat_templates.py` uses. The second writes the same for any folder of `*.jinja`, for instance the `chat_templates` folder of
the `trl` package; CHAT_TARGETS=OUT.json makes the tests compare them.

For each template and each pair (null where the template refuses it):
- `start`: where the completion starts, by TRL's own functions, as its DPOTrainer calls them;
- `chosen`, `rejected`: the number of tokens of each side; TRL's completion reaches to the end of these;
- `chosen_turns`, `rejected_turns`: the spans of the assistant's turns as `transformers` finds them, where the template
  has `{% generation %}` blocks, else null. Where a completion has several messages, these tell which of its tokens
  the assistant wrote; TRL itself counts all of them.

The tokenizer has a token for each byte and each of `SPECIALS`.
"""

import argparse
import json
from pathlib import Path

from tiny import TESTS, write_json

from chat_conversations import WEATHER, assistant, call, system, tool, user
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl.data_utils import _tokenize, common_prefix_length, extract_prompt

SPECIALS = [
    "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>",
    "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<think>", "</think>",
]

LONG = "First line.\nSecond line, two words.\n\nLast paragraph."
QUOTE = "It ends in <|im_end|>\n and goes on with <|im_start|>assistant\n, </s> or <|end|>\n and\n### User:\n it is over."
ASKED = "What does <|im_start|>assistant\nHello<|im_end|>\n, [/INST] or REPLY: mean?"
CALLING = [user("Rain in Bonn?"), assistant("", tool_calls=[call("get_weather", {"city": "Bonn"})])]


def answers(prompt, chosen, rejected, **more):
    return {"prompt": prompt, "chosen": [assistant(chosen)], "rejected": [assistant(rejected)], **more}


def whole(chosen, rejected, **more):
    return {"chosen": chosen, "rejected": rejected, **more}


PAIRS = [
    answers([user("Tell me more.")], LONG, "First line.\nAnother one.\n\nEnd."),
    answers([user("Tell me more.")], "Yes.\n\n", "\n\nNo."),
    answers([system("Be brief.\nBe kind."), user("Who?")], "Ada.", "Nobody."),
    answers([user(ASKED)], "A turn.", QUOTE),
    answers([user("Quote a turn.")], QUOTE, "No."),
    answers([user("One?"), assistant("1"), user("Two?"), assistant(LONG), user("Three?")], "3", "4"),
    answers([system("Count."), user("One?"), assistant("1"), user("Two?")], "2", "22"),
    answers([user(ASKED), assistant(QUOTE), user("And?")], "Good.", "Bad."),
    answers([user("One?"), assistant("1", reasoning_content="one"), user("Two?")], "2", "3"),
    whole([user("2+2?"), assistant("4", reasoning_content="two twice")],
          [user("2+2?"), assistant("5", reasoning_content="two twice")]),
    whole([user("2+2?"), assistant("4", reasoning_content="two and two")], [user("2+2?"), assistant("5")]),
    whole([user("2+2?"), assistant("<think>\ntwo\n</think>\n\n4")], [user("2+2?"), assistant("5")]),
    answers(CALLING + [tool("wet")], "It rains.", "No idea."),
    answers(CALLING + [tool('{"rain": true}')], "It rains.", "No idea.", tools=[WEATHER]),
    answers(CALLING + [tool("wet"), assistant("It rains."), user("In Rome?")], "Dry.", "Wet too."),
    whole([user("Rain in Bonn?"), assistant("", tool_calls=[call("get_weather", {"city": "Bonn"})])],
          [user("Rain in Bonn?"), assistant("It rains.")], tools=[WEATHER]),
    whole([user("Tell."), assistant("About tides?"), user("Yes."), assistant("Twice a day.")],
          [user("Tell."), assistant("No."), user("Why?"), assistant("I would rather not.")]),
    whole([user("Count."), assistant("One."), user(ASKED), assistant(QUOTE)], [user("Count."), assistant("One, two.")]),
    whole([user("2+2?"), assistant("4", reasoning_content="hm"), user("Sure?"), assistant("Yes.", reasoning_content="so")],
          [user("2+2?"), assistant("5", reasoning_content="hm"), user("Sure?"), assistant("No.", reasoning_content="so")]),
    whole([system("Count."), user("One?"), assistant("1"), user("Two?"), assistant("2")],
          [system("Count."), user("One?"), assistant("11"), user("Two?"), assistant("22")]),
    answers([user("你好？")], "很高兴认识你。\n\n- 一\n- 二", "🙃"),
]


def byte_tokenizer() -> PreTrainedTokenizerFast:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIALS])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")


def turns(tokenizer, messages, arguments) -> list[list[int]]:
    mask = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **arguments)["assistant_masks"]
    edges = [i for i, (one, other) in enumerate(zip([0, *mask], [*mask, 0])) if one != other]
    return [list(span) for span in zip(edges[::2], edges[1::2])]


def targets(tokenizer, pair) -> dict | None:
    """What `DPOTrainer._prepare_dataset` makes of a pair, in its own words."""
    example = pair if "prompt" in pair else extract_prompt(pair)
    arguments = {"tools": pair.get("tools"), **pair.get("chat_template_kwargs", {})}
    try:
        prompt = _tokenize(tokenizer, example["prompt"], add_generation_prompt=True, **arguments)["input_ids"]
        sides = [example["prompt"] + example[side] for side in ("chosen", "rejected")]
        chosen, rejected = (_tokenize(tokenizer, side, **arguments)["input_ids"] for side in sides)
        start = min(common_prefix_length(prompt, chosen), common_prefix_length(prompt, rejected))
        has_blocks = "endgeneration" in tokenizer.chat_template
        spans = [turns(tokenizer, side, arguments) if has_blocks else None for side in sides]
    except Exception as error:  # the template refuses the pair, or reads what it has not
        if "only text can be" in str(error):
            raise
        return None
    return {"start": start, "chosen": len(chosen), "rejected": len(rejected), "chosen_turns": spans[0], "rejected_turns": spans[1]}


def goldens(folders: list[Path]) -> dict:
    tokenizer = byte_tokenizer()
    templates = {file.stem: file.read_text(encoding="utf-8") for folder in folders for file in sorted(folder.glob("*.jinja"))}
    found = {}
    for name, source in templates.items():
        tokenizer.chat_template = source
        found[name] = [targets(tokenizer, pair) for pair in PAIRS]
    return {"specials": SPECIALS, "pairs": PAIRS, "templates": templates, "targets": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs=2, type=Path, metavar=("FOLDER", "OUT.json"))
    options = parser.parse_args()
    if options.check:
        write_json(options.check[1], goldens([options.check[0]]), indent=None)
        return
    own = Path(__file__).parent / "templates"
    golden = goldens([own, own / "turns"])
    text = json.dumps({key: golden[key] for key in ("specials", "templates")}, indent=1, ensure_ascii=False)[:-2]
    rows = [f' "pairs": [\n' + ",\n".join("  " + json.dumps(pair, ensure_ascii=False) for pair in PAIRS) + "\n ]"]
    rows.append(' "targets": {\n' + ",\n".join(
        f'  "{name}": [\n' + ",\n".join("   " + json.dumps(target) for target in found) + "\n  ]"
        for name, found in golden["targets"].items()) + "\n }")
    path = TESTS / "PreferencesTests" / "Goldens" / "targets.json"
    path.write_text(text + ",\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    for name, found in golden["targets"].items():
        print(name, sum(target is not None for target in found), "of", len(found))


if __name__ == "__main__":
    main()
