#!/usr/bin/env python3
"""Writes what `transformers` makes of templates and conversations.

- `Tests/JinjaTests/Goldens/expressions.json`: the small templates of `chat_expressions.py`, compiled by `transformers`' own
  function, with their results, or with the kind and message of the error.
- `Tests/TokenizationTests/Goldens/chat_conversations.json`: the templates in `templates/`, the conversations of
  `chat_conversations.py` and the text of every pair by `apply_chat_template`, or the message of the template's exception.
- `Tests/TokenizationTests/Goldens/chat_minimind3.json`: the same with MiniMind-3's own template, if `--minimind` (default:
  ../shared/minimind) holds its `tokenizer_config.json`. The texts only, and the template's FNV-1a hash.

Usage: python3 Tools/reference/chat_templates.py [--minimind FOLDER]

Any other templates are compared by `--check FOLDER OUT.json`, which writes the same for a folder's `*.jinja` (for example
those that TRL brings along); then run the tests with `CHAT_CONVERSATIONS=OUT.json`.
"""

import argparse
import json
import pathlib
import warnings

import jinja2
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import _compile_jinja_template, _plain_template_data

from chat_conversations import CONVERSATIONS, SPECIAL_TOKENS
from chat_expressions import CONTEXT, EXPRESSIONS, REFUSED, TEMPLATES

ROOT = pathlib.Path(__file__).resolve().parents[2]


def kind(error):
    """What the Swift side calls this error."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return "syntax"
    if isinstance(error, jinja2.exceptions.SecurityError):
        return "forbidden"
    if isinstance(error, jinja2.UndefinedError):
        return "undefined"
    if type(error) is jinja2.TemplateError:
        return "raised"
    return "runtime"


def run(template):
    """The template's result, or its error."""
    try:
        compiled = _compile_jinja_template(template)
        return {"template": template, "result": compiled.render(**_plain_template_data(CONTEXT))}
    except Exception as error:
        case = {"template": template, "error": kind(error)}
        if case["error"] in ("undefined", "raised"):
            case["message"] = str(error)
        return case


def expressions():
    cases = []
    for line in EXPRESSIONS.strip().split("\n"):
        for expression in line.split(" ### "):
            cases.append(run("{{ " + expression + " }}"))
            if "result" not in cases[-1]:
                print("not as thought:", cases[-1])
    for template in TEMPLATES:
        cases.append(run(template))
        if "result" not in cases[-1]:
            print("not as thought:", cases[-1])
    for expected, template in REFUSED:
        cases.append(run(template))
        if cases[-1].get("error") != expected:
            print("not as thought:", expected, cases[-1])
    return {"context": CONTEXT, "cases": cases}


def tokenizer(template):
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), chat_template=template, **SPECIAL_TOKENS
    )


def conversations(templates):
    results = {}
    for name, source in templates.items():
        texts = []
        for conversation in CONVERSATIONS:
            tokenizer_ = tokenizer(source)
            try:
                text = tokenizer_.apply_chat_template(
                    conversation["messages"],
                    tools=conversation.get("tools"),
                    add_generation_prompt=conversation.get("add_generation_prompt", False),
                    tokenize=False,
                    **conversation.get("variables", {}),
                )
                texts.append({"text": text})
            except jinja2.TemplateError as error:
                texts.append({"error": kind(error), "message": str(error)})
            except TypeError:
                texts.append({"error": "runtime"})
        results[name] = texts
    return results


def fnv1a(text):
    """A hash that a few lines of any language compute, to tell another version of a template."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def conversation_goldens(folder):
    templates = {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.jinja"))}
    return {
        "special_tokens": SPECIAL_TOKENS,
        "templates": templates,
        "conversations": CONVERSATIONS,
        "texts": conversations(templates),
    }


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(path, path.stat().st_size, "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minimind", type=pathlib.Path, default=ROOT.parent / "shared/minimind")
    parser.add_argument("--check", nargs=2, type=pathlib.Path, metavar=("FOLDER", "OUT"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    if options.check:
        write(options.check[1], conversation_goldens(options.check[0]))
        return
    write(ROOT / "Tests/JinjaTests/Goldens/expressions.json", expressions())

    goldens = ROOT / "Tests/TokenizationTests/Goldens"
    write(goldens / "chat_conversations.json", conversation_goldens(pathlib.Path(__file__).parent / "templates"))

    configuration = options.minimind / "tokenizer_config.json"
    if configuration.exists():
        template = json.loads(configuration.read_text(encoding="utf-8"))["chat_template"]
        write(
            goldens / "chat_minimind3.json",
            {
                "fnv1a": fnv1a(template),
                "texts": conversations({"minimind3": template})["minimind3"],
            },
        )


if __name__ == "__main__":
    main()
