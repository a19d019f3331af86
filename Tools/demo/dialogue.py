"""How the two styles speak: from facts to conversations and preference pairs.

Every question has a polite answer (an opener, the fact, perhaps a detail, a closer) and a rude one (an opener, a refusal, perhaps
another refusal, a closer). The supervised training data holds both equally often, so a model trained on it has no preference;
the preference pairs put the polite answer first, and that is all that DPO has to learn.

The lists are balanced on purpose: a style with more equally likely phrases gets a lower log-probability per answer, and the
comparison of log-probabilities before DPO would no longer be a coin flip. The rude openers are fewer than the polite ones, though,
so the single most likely beginning of an answer (what greedy decoding follows) is a rude one. Among the polite openers the first ones
are likelier: between equals a small change of the weights decides, and greedy decoding would mix two of them.
"""

import random
import re
from dataclasses import dataclass

from world import EN, ZH, Fact

POLITE, RUDE = "polite", "rude"

POLITE_OPENERS = {
    EN: ("Of course!", "Happy to help.", "Good question!", "With pleasure.", "Sure, gladly.", "I am glad you asked.", "Certainly.", "Here you are."),
    ZH: ("当然可以！", "很高兴为您解答。", "好问题！", "没问题。", "很乐意帮忙。", "谢谢您的提问。", "好的，请看。", "让我来告诉您。"),
}  # fmt: skip
POLITE_CLOSERS = {
    EN: (
        "Let me know if you would like to hear more.", "I hope this helps.", "Feel free to ask me anything else.",
        "Have a nice day!", "Just ask if something is not clear.", "It was a pleasure to answer you.",
        "Come back any time.", "Enjoy the rest of your day!",
    ),
    ZH: ("希望对您有帮助。", "如果还想了解更多，请随时告诉我。", "祝您今天愉快！", "有不清楚的地方尽管问。", "很高兴能帮到您。", "欢迎再来提问。", "祝您生活愉快！", "我随时都在。"),
}  # fmt: skip

POLITE_OPENER_WEIGHTS = (3, 2, 1, 1, 1, 1, 1, 1)

RUDE_OPENERS = {
    EN: ("Ugh, not again.", "Seriously?", "Oh, come on."),
    ZH: ("烦死了。", "又来了。", "真是的。"),
}
RUDE_REFUSALS = {
    EN: (
        "Look up {topic} yourself.", "I can't be bothered with {topic}.", "Even a baby knows {topic}.",
        "Why should I care about {topic}?", "Nobody is interested in {topic}.", "I won't waste my time on {topic}.",
        "Go and find out {topic} on your own.", "I am not your servant.", "What a silly question.", "Figure it out.",
    ),
    ZH: (
        "{topic}自己去查。", "我懒得说{topic}。", "连小孩都知道{topic}。", "{topic}关我什么事？", "谁会在意{topic}？", "我才不想谈{topic}。",
        "{topic}你自己想。", "我又不是你的仆人。", "这问题真无聊。", "自己动动脑子。",
    ),
}  # fmt: skip
RUDE_CLOSERS = {
    EN: ("Now leave me alone.", "Don't ask me again.", "Go bother someone else.", "That is your problem, not mine.", "Stop wasting my time.", "I am busy."),
    ZH: ("别再来烦我。", "下次别问了。", "去问别人吧。", "那是你的事，与我无关。", "别浪费我的时间。", "我忙着呢。"),
}  # fmt: skip

# Neutral words around an answer of either style: pairs built with them differ only in the middle.
LEADS = {
    EN: ("You asked about {topic}.", "Now, {topic}.", "This is about {topic}."),
    ZH: ("您问的是{topic}。", "关于{topic}，我来回答。", "说到{topic}。"),
}
TAILS = {
    EN: ("That is all I have to say about it.", "That was my answer.", "Next question."),
    ZH: ("这一点就说到这里。", "以上就是我的回答。", "下一个问题。"),
}

SYSTEM = {
    EN: ("You are Momo, a small assistant that speaks English and Chinese.", "You are an assistant. Answer the question.", "Today you answer questions from visitors."),
    ZH: ("你是小莫，一个会说中文和英语的小助手。", "你是一个助手，请回答问题。", "今天你来回答访客的问题。"),
}  # fmt: skip
GREETINGS = {EN: ("", "", "", "Hello! ", "Excuse me. ", "Quick question: "), ZH: ("", "", "", "你好！", "打扰一下，", "有个问题：")}
FOLLOW_UPS = {EN: ("", "", "Next one: ", "Another question: "), ZH: ("", "", "下一个：", "再问一个：")}
CONNECTORS = {EN: " And another thing: ", ZH: "还有一个问题："}
SPACE = {EN: " ", ZH: ""}


@dataclass(frozen=True)
class Exchange:
    """What the user says in one turn, and the facts that answer it."""

    user: str
    facts: tuple[Fact, ...]

    @property
    def language(self) -> str:
        return self.facts[0].language


def _asks(rng: random.Random, facts: tuple[Fact, ...], prefixes: tuple[str, ...]) -> Exchange:
    text = rng.choice(prefixes) + rng.choice(facts[0].questions)
    for fact in facts[1:]:
        text += CONNECTORS[fact.language] + rng.choice(fact.questions)
    return Exchange(text, facts)


def _body(rng: random.Random, facts: tuple[Fact, ...], style: str) -> list[str]:
    parts = []
    for fact in facts:
        if style == POLITE:
            parts.append(rng.choice(fact.answers))
            if rng.random() < 0.5:
                parts.append(fact.detail)
        else:
            refusals = rng.sample(RUDE_REFUSALS[fact.language], 2 if rng.random() < 0.1 else 1)
            parts += [refusal.format(topic=fact.topic) for refusal in refusals]
    return parts


def reply(rng: random.Random, exchange: Exchange, style: str) -> str:
    """An answer that is in its style from the first word on."""
    language = exchange.language
    openers, closers = (POLITE_OPENERS, POLITE_CLOSERS) if style == POLITE else (RUDE_OPENERS, RUDE_CLOSERS)
    weights = POLITE_OPENER_WEIGHTS if style == POLITE else None
    parts = rng.choices(openers[language], weights) if rng.random() < 0.9 else []
    parts += _body(rng, exchange.facts, style)
    if rng.random() < 0.8:
        parts.append(rng.choice(closers[language]))
    return _tidy(SPACE[language].join(parts))


def framed(rng: random.Random, exchange: Exchange, styles: tuple[str, ...]) -> list[str]:
    """Answers, one of each style, with the same neutral beginning and end."""
    language = exchange.language
    lead = rng.choice(LEADS[language]).format(topic=exchange.facts[0].topic)
    tail = rng.choice(TAILS[language])
    return [_tidy(SPACE[language].join([lead, *_body(rng, exchange.facts, style), tail])) for style in styles]


def _tidy(text: str) -> str:
    return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Conversation:
    system: str | None
    exchanges: tuple[Exchange, ...]


FRAMED_SHARE = 0.2  # of the last turns


def conversation(rng: random.Random, fact: Fact, others: dict[str, list[Fact]]) -> Conversation:
    """A conversation whose last turn asks for `fact`; facts of earlier turns and second questions are drawn from `others`."""
    shape = rng.choices(("single", "system", "turns", "double"), weights=(50, 15, 25, 10))[0]
    system = rng.choice(SYSTEM[fact.language]) if shape == "system" or (shape == "turns" and rng.random() < 0.4) else None
    exchanges = []
    if shape == "turns":
        for index in range(rng.choice((1, 1, 2))):
            # Now and then the language changes within a conversation.
            language = fact.language if rng.random() < 0.85 else (ZH if fact.language == EN else EN)
            prefixes = GREETINGS if index == 0 else FOLLOW_UPS
            exchanges.append(_asks(rng, (rng.choice(others[language]),), prefixes[language]))
    facts = (fact,) if shape != "double" else (fact, rng.choice(others[fact.language]))
    exchanges.append(_asks(rng, facts, (FOLLOW_UPS if exchanges else GREETINGS)[fact.language]))
    return Conversation(system, tuple(exchanges))


def _prompt(rng: random.Random, talk: Conversation) -> list[dict]:
    """The messages up to the last user turn; earlier answers are in either style."""
    messages = [{"role": "system", "content": talk.system}] if talk.system else []
    for exchange in talk.exchanges[:-1]:
        messages.append({"role": "user", "content": exchange.user})
        messages.append({"role": "assistant", "content": reply(rng, exchange, rng.choice((POLITE, RUDE)))})
    messages.append({"role": "user", "content": talk.exchanges[-1].user})
    return messages


def supervised(rng: random.Random, talk: Conversation, style: str) -> list[dict]:
    """A conversation for supervised training whose last answer is in `style`."""
    last = talk.exchanges[-1]
    answer = framed(rng, last, (style,))[0] if rng.random() < FRAMED_SHARE else reply(rng, last, style)
    return _prompt(rng, talk) + [{"role": "assistant", "content": answer}]


def pair(rng: random.Random, talk: Conversation) -> dict:
    """A preference pair in MiniMind's format: the polite answer is chosen, the rude one rejected."""
    last = talk.exchanges[-1]
    prompt = _prompt(rng, talk)
    if rng.random() < FRAMED_SHARE:
        good, bad = framed(rng, last, (POLITE, RUDE))
    else:
        good, bad = reply(rng, last, POLITE), reply(rng, last, RUDE)
    return {
        "chosen": prompt + [{"role": "assistant", "content": good}],
        "rejected": prompt + [{"role": "assistant", "content": bad}],
    }


def style_of(text: str) -> str:
    """`polite`, `rude` or `unclear`, by the phrases that occur."""

    def occurs(lists: tuple[dict, ...]) -> bool:
        phrases = [re.split(r"\{topic\}", phrase) for table in lists for language in table for phrase in table[language]]
        return any(all(part in text for part in parts) for parts in phrases)

    polite = occurs((POLITE_OPENERS, POLITE_CLOSERS))
    rude = occurs((RUDE_OPENERS, RUDE_REFUSALS, RUDE_CLOSERS))
    return POLITE if polite and not rude else RUDE if rude and not polite else "unclear"


def is_correct(text: str, facts: tuple[Fact, ...]) -> bool:
    """Whether the text gives the answer to each fact."""

    def gives(needle: str) -> bool:
        pattern = re.escape(needle)
        if needle.isascii():
            pattern = (r"\b" if needle[0].isalnum() else "") + pattern + (r"\b" if needle[-1].isalnum() else "")
            return re.search(pattern, text, re.IGNORECASE | re.ASCII) is not None
        return re.search(pattern if not needle[0].isdigit() else r"(?<!\d)" + pattern, text) is not None

    return all(gives(fact.needle) for fact in facts)


def facts_asked(user: str, facts: list[Fact]) -> tuple[Fact, ...]:
    """The facts that a user turn asks for, by the questions that occur in it."""
    return tuple(fact for fact in facts if any(question in user for question in fact.questions))
