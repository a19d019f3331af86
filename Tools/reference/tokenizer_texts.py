"""The texts on which tokenizers are trained and compared: made from nothing but a seed and the lists below."""

import random

CHINESE = (
    "我们 今天 学习 模型 语言 数据 训练 对齐 偏好 用户 回答 问题 为什么 因为 所以 但是 如果 可以 不能 一个 两个 非常 重要 简单 复杂 "
    "天气 北京 上海 苹果 香蕉 老师 学生 朋友 时间 工作 生活 喜欢 讨厌 编程 函数 变量 循环 错误 正确 请 解释 一下 谢谢 你好 世界 的 了 是 在 和"
).split()
RARE = "龘 𠮷 㐀 𪚥 々 〇 ㍿ ㌔ 〜 ・ ー ヴ ゞ ﾊ ｱ ガ が ꀀ 한국어 각 조선 ᄒ".split()
ENGLISH = (
    "the a model language learns preference pairs from data and answers questions because users like short honest "
    "helpful replies training alignment reward margin token sequence it I you he she they don't can't won't isn't we're "
    "I'll they've I'm she'd Let's O'Brien rock'n'roll alpha beta gamma function returns value when if else while for"
).split()
CODE = (
    "def f(x):\n    return x + 1\n|for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}|let x: [Int32] = [1, 2, 3]|#include <stdio.h>\r\n|"
    "print(f\"{name!r}\")|SELECT * FROM t WHERE id = 42;|x = y if z else None  # why?|</div><p class=\"a\">&nbsp;</p>|a->b::c(d)|"
    "0xDEADBEEF 1e-5 3.14159 1_000_000|https://example.org/a/b?c=d&e=%20f#g|user@example.com|/usr/local/bin|C:\\path\\file.txt|"
    "{\"key\": [null, true, -1.5e+10]}|\\frac{a}{b} $x^2$|camelCaseHTTPServer snake_case_NAME kebab-case|!!!???...---===+++|@@ -1,2 +3,4 @@"
).split("|")
EMOJI = (
    "😀 🎉 👍 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇳 🇺🇸🇬🇧 1️⃣ #️⃣ ❤️ ❤ ☺️ 🧑🏿‍🚀 👨‍💻 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🫠 🪿 ⌚ ™️ 🤷🏻‍♀️ 🐻‍❄️"
).split()
CONTRACTIONS = [a + b for a in ("I", "you", "we", "THEY", "x", "", "9", "你", "é") for b in (
    "'s 't 're 've 'm 'll 'd 'S 'T 'RE 'Ve 'M 'LL 'lL 'D 'ſ 'sa 'r 'l 'v ’s ’re ' '' ''s 'x 'K 're've").split()]
NUMBERS = (
    "0 7 12 123 1234 12345 1234567890 3.14 1,000,000 2026-11-24 12:34:56 +86-10-1234 ½ ² x² ⅷ Ⅳ ① ㊿ ٣٤٥ ४५६ １２３４ 一二三 〇 𝟘𝟙𝟚𝟛 𐄐 ߁߂ 1e10 0x1F 50% $9.99 №5"
).split()
RIGHT_TO_LEFT = "שלום עולם|مرحبا بالعالم|السَّلامُ عَلَيْكُم|בְּרֵאשִׁית|العدد ٤٢ هنا|abc שלום 123 مرحبا|\u200fRTL\u200eLTR\u202eoverride\u202c|پارسی|ܫܠܡܐ".split("|")
MARKS = (
    "é e\u0301 n\u0303o Å A\u030a \u212b \u0344 \u0958 ạ\u0302 a\u0323\u0302 a\u0302\u0323 Z\u0351\u036b\u0343a\u0321\u0327l\u0307 "
    "हिन्दी ภาษาไทย ខ្មែរ မြန်မာ தமிழ் বাংলা \u1100\u1161\u11a8 \uac00\u11a8 가\u0301 q\u0307\u0323 ﬁ ﬆ ẞ ß İ ı ǅ ʰ ˇ \u0301alone \u20dd a\u20dd ŉ "
    "A\u0301B e\u0301\u0301e AÉé aÉÉb XʰY ͅ ͅa"
).split()
SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
INVISIBLE = [chr(c) for c in (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD, 0x180E, 0x34F, 0xFE0F, 0xE0001)]
CONTROLS = [chr(c) for c in (*range(32), *range(0x7F, 0xA0))]
INVALID_LOOKING = [
    "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\ufdd0", "\U000f0000", "Ġ", "Ċ", "Ġthe", "Ã©", "â€™", "ï»¿", "\\u0000", "%00", "&#0;",
    "<|im_start", "|im_end|>", "<|im_end|", "<<|im_end|>>", "\x00\x01", "a\x00b", "\x00", "\x7f", "\x1b[31m", "\udbff".encode("utf-8", "replace").decode(),
]
NEW_SCALARS = [chr(c) for c in (
    0x1C89, 0x1C8A, 0xA7CB, 0xA7DA, 0x897, 0xCF3, 0xECE, 0x1B4E, 0x10D40, 0x10D4E, 0x10D6E, 0x105C0, 0x113D4, 0x16D40, 0x1CCF0, 0x1E5F1, 0x1FAE9,
    0x2FFC, 0x2EBF0, 0x31350, 0x1F8B2, 0x11DE0, 0x11DB0, 0x10940, 0x1E6C0, 0x323B0, 0xA7CE, 0x20C1, 0x378, 0x1171E)]
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<mask>", "<sep>", "<word>", "word", "  ",
    "\n\n", "<tool", "<tool>", "<tool>>", "é|", "e\u0301|", "Å~", "<|begin_of_text|>", "<|eot_id|>", "<unk>", "<s>", "</s>", "<|buffer1|>",
]


def sentence(rng):
    """Words of one language, or of both."""
    kind = rng.random()
    if kind < 0.4:
        text = "".join(rng.choice(CHINESE) for _ in range(rng.randint(2, 9)))
        return text + rng.choice("。！？，、；：")
    if kind < 0.8:
        text = " ".join(rng.choice(ENGLISH) for _ in range(rng.randint(2, 9)))
        return text[:1].upper() + text[1:] + rng.choice([".", "!", "?", ",", ";", "...", ""])
    return "".join(rng.choice([rng.choice(CHINESE), " " + rng.choice(ENGLISH), rng.choice(NUMBERS)]) for _ in range(rng.randint(3, 8)))


def corpus(seed):
    """What the tokenizers are trained on."""
    rng = random.Random(seed)
    parts = []
    for _ in range(3000):
        kind = rng.random()
        parts.append(
            sentence(rng) + rng.choice([" ", "\n", "\n\n", ""]) if kind < 0.8
            else rng.choice(CODE) if kind < 0.9 else rng.choice(EMOJI) if kind < 0.95 else " ".join(rng.sample(NUMBERS, 3)))
    return parts


def scalar(rng):
    """Any Unicode scalar, low ones preferred."""
    while True:
        c = rng.choice([rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x20000), rng.randrange(0x110000)])
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def texts(seed, count):
    """Varied texts: each ingredient by itself, then mixtures."""
    rng = random.Random(seed)
    pools = [CHINESE + RARE, ENGLISH, CODE, EMOJI, CONTRACTIONS, NUMBERS, RIGHT_TO_LEFT, MARKS, SPACES, INVISIBLE, CONTROLS, INVALID_LOOKING, NEW_SCALARS, SPECIAL]
    found = ["", *(piece for pool in pools for piece in pool)]
    found += [a + b for a in SPACES for b in ("a", "1", ".", "")] + ["a" + a + a + "b" for a in SPACES]
    # Longer than what is merged by simple search.
    found += ["a" * 300, "啊" * 120, "ab" * 200, "好的" * 90, " " * 150 + "x", "\n" * 130, "=" * 140, "0123456789" * 15, "x\u0301" * 70, "👍" * 60]
    found += ["".join(rng.choice("theanrs") for _ in range(rng.randint(100, 260))) for _ in range(12)]
    found += ["".join(rng.choice(CHINESE) for _ in range(rng.randint(30, 60))) for _ in range(12)]

    def spaces():
        return "".join(rng.choice(SPACES[:6] * 4 + SPACES) for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 5])))

    makers = [
        lambda: sentence(rng),
        lambda: sentence(rng) + rng.choice(["", "\n", " "]) + sentence(rng),
        lambda: "".join(rng.choice([rng.choice(ENGLISH), rng.choice(NUMBERS), rng.choice("!?.,-/"), ""]) + spaces() for _ in range(rng.randint(1, 7))),
        lambda: "".join(rng.choice([rng.choice(SPECIAL), rng.choice(ENGLISH), rng.choice(CHINESE)]) + rng.choice(["", "", " ", "  ", "\n", "\u3000"]) for _ in range(rng.randint(2, 7))),
        lambda: "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 6))),
        lambda: " ".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(2, 5))),
        lambda: "".join(scalar(rng) for _ in range(rng.randint(1, 9))),
        lambda: "".join(rng.choice(EMOJI + MARKS + ["a", " ", "'s"]) for _ in range(rng.randint(1, 6))),
        lambda: "".join(rng.choice(["A", "b", "Ç", "ñ", "ʰ", "ª", "中", "\u0301", "ǅ", "'S", "'", "1", " ", "\t", "/", "\n", "-"]) for _ in range(rng.randint(1, 14))),
        lambda: rng.choice(CODE)[: rng.randint(1, 40)] + rng.choice(CODE)[: rng.randint(0, 20)],
    ]
    seen = set(found)
    found = list(dict.fromkeys(found))
    while len(found) < count:
        text = rng.choice(makers)()
        if text not in seen:
            seen.add(text)
            found.append(text)
    return found
