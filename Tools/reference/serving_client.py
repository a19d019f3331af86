"""Talks to `minimind-dpo serve` with PyPI's `openai` client, as a chat page would.

    python serving_client.py http://127.0.0.1:8000/v1 [--caller MODEL]

Prints a JSON object of what the client made of the answers; CommandTests compare it with what they should be. `--caller`
names a model that answers with a tool call.
"""

import argparse
import asyncio
import json

import openai

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def conversation(client, model):
    """The same two-turn conversation whole and streamed."""
    messages = [{"role": "user", "content": "What is the capital of Poland?"}]
    first = client.chat.completions.create(model=model, messages=messages, seed=1, max_tokens=24, temperature=0.7)
    messages += [first.choices[0].message.model_dump(include={"role", "content"}), {"role": "user", "content": "And 意大利?"}]
    options = {"model": model, "messages": messages, "seed": 2, "max_tokens": 24, "temperature": 0.7}
    whole = client.chat.completions.create(**options)
    pieces, reason, usage = [], None, None
    for chunk in client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
    return {
        "first": first.choices[0].message.content,
        "whole": whole.choices[0].message.content,
        "streamed": "".join(pieces),
        "pieces": len(pieces),
        "finish_reasons": [whole.choices[0].finish_reason, reason],
        "usage": [whole.usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"}),
                  usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"})],
    }


def tool_call(client, model):
    """A tool call whole and streamed, and the answer after its result."""
    messages = [{"role": "user", "content": "How is the weather in Paris?"}]
    options = {"model": model, "messages": messages, "tools": TOOLS, "temperature": 0, "max_tokens": 120}
    whole = client.chat.completions.create(**options)
    call = whole.choices[0].message.tool_calls[0]
    name, arguments, identifier, reason = "", "", None, None
    for chunk in client.chat.completions.create(**options, stream=True):
        for choice in chunk.choices:
            reason = choice.finish_reason or reason
            for delta in choice.delta.tool_calls or []:
                identifier = delta.id or identifier
                name += delta.function.name or ""
                arguments += delta.function.arguments or ""
    messages += [whole.choices[0].message.model_dump(exclude_none=True),
                 {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
    after = client.chat.completions.create(model=model, messages=messages, tools=TOOLS, max_tokens=8)
    return {
        "whole": {"name": call.function.name, "arguments": json.loads(call.function.arguments),
                  "reason": whole.choices[0].finish_reason, "content": whole.choices[0].message.content},
        "streamed": {"name": name, "arguments": json.loads(arguments), "reason": reason, "has_id": bool(identifier)},
        "after": after.choices[0].finish_reason,
    }


def errors(client, model):
    """The classes and fields of errors."""
    found = {}
    ask = [{"role": "user", "content": "Hi"}]
    for name, options in {
        "unknown": {"model": "gpt-4", "messages": ask},
        "field": {"model": model, "messages": ask, "temperature": 9},
        "long": {"model": model, "messages": [{"role": "user", "content": "why? " * 5000}]},
    }.items():
        try:
            client.chat.completions.create(**options)
        except openai.APIStatusError as error:
            found[name] = [type(error).__name__, error.status_code, error.code, error.param]
    return found


async def together(url, model, count):
    """Concurrent answers, each with its own seed, and the same one after the other."""
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def answer(number):
            reply = await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": f"Number {number}?"}], seed=number, max_tokens=16)
            return reply.choices[0].message.content

        at_once = await asyncio.gather(*(answer(number) for number in range(count)))
        alone = [await answer(number) for number in range(count)]
    return {"count": len(at_once), "different": len(set(at_once)), "same_alone": at_once == alone}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--caller")
    arguments = parser.parse_args()
    client = openai.OpenAI(base_url=arguments.url, api_key="none", max_retries=0)
    models = [model.id for model in client.models.list().data]
    talkers = [model for model in models if model != arguments.caller]
    result = {
        "models": models,
        "conversations": {model: conversation(client, model) for model in talkers},
        "errors": errors(client, talkers[0]),
        "together": asyncio.run(together(arguments.url, talkers[0], 32)),
        "completion": client.completions.create(model=talkers[0], prompt="Once upon", max_tokens=8).choices[0].text,
    }
    if arguments.caller:
        result["tool_call"] = tool_call(client, arguments.caller)
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
