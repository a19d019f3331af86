#!/usr/bin/env python3
"""Scores answers for `minimind-dpo pairs --score-command 'python3 Demo/iterate/score.py'`: polite is better than rude.

Reads a JSON object a line, {"prompt": [messages], "answer": "…", …}, and prints a number for each, in the same order. Put your own
rules, a reward model or a judge in place of `score`.
"""

import json
import sys

POLITE = (
    "Of course", "Happy to help", "Good question", "With pleasure", "gladly", "glad you asked", "Certainly", "Here you are",
    "Let me know", "hope this helps", "Feel free", "Have a nice day", "Just ask", "pleasure to answer", "Come back", "Enjoy",
    "当然", "很高兴", "好问题", "没问题", "乐意", "谢谢", "好的", "让我来", "希望", "随时", "祝您", "尽管问", "欢迎",
)  # fmt: skip
RUDE = (
    "Ugh", "Seriously", "Oh, come on", "yourself", "bothered", "Even a baby", "Why should I", "Nobody", "waste", "on your own",
    "your servant", "silly", "Figure it out", "leave me alone", "Don't ask", "Go bother", "not mine", "I am busy",
    "烦死", "又来了", "真是的", "自己", "懒得", "连小孩", "关我什么事", "谁会在意", "才不想", "你自己想", "仆人", "无聊", "别再", "别问", "去问别人",
    "与我无关", "浪费", "我忙",
)  # fmt: skip


def score(answer: str) -> int:
    """Polite phrases less rude ones."""
    return sum(phrase in answer for phrase in POLITE) - sum(phrase in answer for phrase in RUDE)


for line in sys.stdin:
    print(score(json.loads(line)["answer"]))
