#!/usr/bin/env python3
"""Writes UnicodeTable.swift and CompositionTable.swift in Sources/Tokenization/Unicode: the character properties that
pre-tokenizers ask for, and what NFC has to know.

What counts is not the newest Unicode standard but the one that Hugging Face `tokenizers` uses, since token ids must equal
its ids. So the general categories and `\\w` are read from its regular expression engine, and the numbers of `Digits`, the
punctuation of `Punctuation` and the words of `single_word` from these parts themselves, by running them over all
1,112,064 Unicode scalars. For NFC, Python's `unicodedata` lists the candidates, and the library's own
normalizers show which of them they know: their Unicode is older still.

Usage: python3 Tools/generate_unicode_table.py
Made with tokenizers 0.23 (Oniguruma with Unicode 16) and Python 3.11 (Unicode 14).
"""

import pathlib
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs".split()
SPACE, WORD, SINGLE_WORD, NUMERIC, PUNCTUATION, INERT = (1 << bit for bit in range(5, 11))
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
EVERYTHING = "".join(map(chr, SCALARS))


def matched_by(pattern):
    """The scalars that a one-character regular expression matches."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return {ord(c) for piece, _ in split.pre_tokenize_str(EVERYTHING) for c in piece}


def removed_by(split):
    """The scalars that a pre-tokenizer cuts away."""
    return set(SCALARS) - {ord(c) for piece, _ in split.pre_tokenize_str(EVERYTHING) for c in piece}


def numeric():
    """The scalars that `Digits` isolates."""
    found = set()
    for piece, _ in pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str("".join(f"a{chr(c)}a" for c in SCALARS)):
        if len(piece) == 1:
            found.add(ord(piece))
    return found - {ord("a")}


def single_word():
    """The scalars that, as a neighbour, keep a `single_word` added token from matching."""
    tokenizer = Tokenizer(models.BPE(vocab={"x": 0}, merges=[]))
    tokenizer.add_tokens([AddedToken("xx", single_word=True)])
    found = set()
    for start in range(0, len(SCALARS), 20000):
        part = SCALARS[start : start + 20000]
        for c, encoding in zip(part, tokenizer.encode_batch(["xx" + chr(c) for c in part])):
            if 1 not in encoding.ids:
                found.add(c)
    return found


def combining_classes():
    """The canonical combining classes other than 0 that the NFC of `tokenizers` knows: its Unicode is older than Python's."""
    decompose = normalizers.NFD().normalize_str
    found = {}
    for c in SCALARS:
        number = unicodedata.combining(chr(c))
        if number > 1 and decompose("a" + chr(c) + "\u0334") == "a\u0334" + chr(c):
            found[c] = number
        elif number == 1 and decompose("a\u0301" + chr(c)) == "a" + chr(c) + "\u0301":
            found[c] = number
    return found


def decompositions():
    """Scalar → its one or two parts, as far as the NFC of `tokenizers` knows them; Hangul syllables follow a rule instead."""
    decompose = normalizers.NFD().normalize_str
    found = {}
    for c in SCALARS:
        parts = unicodedata.decomposition(chr(c))
        if parts and not parts.startswith("<") and decompose(chr(c)) != chr(c):
            found[c] = [int(part, 16) for part in parts.split()]
    return found


def composes(c, parts):
    """Whether the parts become the scalar again."""
    return len(parts) == 2 and normalizers.NFC().normalize_str("".join(map(chr, parts))) == chr(c)


def inert():
    """The scalars that NFC neither changes nor joins with what stands before them."""
    decompose, compose = normalizers.NFD().normalize_str, normalizers.NFC().normalize_str
    classes = combining_classes()
    second = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    second |= {parts[1] for c, parts in decompositions().items() if composes(c, parts)}
    return {c for c in SCALARS if ord(decompose(chr(c))[0]) not in second and ord(decompose(chr(c))[0]) not in classes and compose(chr(c)) == chr(c)}


def properties():
    value = [0] * 0x110000
    for c in range(0xD800, 0xE000):
        value[c] = CATEGORIES.index("Cs")
    for index, name in enumerate(CATEGORIES):
        if name in ("Cn", "Cs"):
            continue
        for c in matched_by(r"\p{%s}" % name):
            value[c] = index
    for bit, members in (
        (SPACE, matched_by(r"\s")),
        (WORD, matched_by(r"\w")),
        (SINGLE_WORD, single_word()),
        (NUMERIC, numeric()),
        (PUNCTUATION, removed_by(pre_tokenizers.Punctuation("removed"))),
        (INERT, inert()),
    ):
        for c in members:
            value[c] |= bit
    return value


def base46(number):
    """Little-endian digits in printable ASCII; the last digit is marked by its alphabet: 46 values a digit, "!"…"N" or, for the last, "O"…"|"."""
    digits = ""
    while True:
        number, digit = divmod(number, 46)
        digits += chr(33 + digit + (46 if number == 0 else 0))
        if number == 0:
            return digits.replace('"', "~").replace("\\", "}")


def swift_string(text):
    """The content of a multi-line string literal, without line breaks of its own."""
    return "\\\n".join("    " + text[i : i + 110] for i in range(0, len(text), 110))


def write_composition(target):
    classes, marks, previous = combining_classes(), "", 0
    for c in sorted(classes):
        marks += base46(c - previous) + base46(classes[c])
        previous = c
    parts, previous = "", 0
    for c, found in sorted(decompositions().items()):
        parts += base46(c - previous) + base46(found[0]) + base46(found[1] if len(found) == 2 else 0) + base46(int(composes(c, found)))
        previous = c
    target.write_text(
        "// Made by Tools/generate_unicode_table.py; change that script, not this file.\n\n"
        "/// What NFC needs to know, as the NFC of `tokenizers` 0.23 knows it. See `PackedNumbers`.\n"
        "enum CompositionTable {\n"
        "  /// Scalars with a canonical combining class other than 0, each as the distance to the one before, and the class.\n"
        f'  static let combiningClasses: StaticString = """\n{swift_string(marks)}\n    """\n\n'
        "  /// Scalars with a canonical decomposition, each as the distance to the one before, its parts (the second is 0 where there\n"
        "  /// is only one), and 1 where the parts compose again.\n"
        f'  static let decompositions: StaticString = """\n{swift_string(parts)}\n    """\n'
        "}\n",
        encoding="utf-8",
    )
    print(f"{len(classes)} combining classes, {len(decompositions())} decompositions")


def write_table(target):
    value = properties()
    classes = []
    runs = []
    for c in range(0x110000):
        if value[c] not in classes:
            classes.append(value[c])
        index = classes.index(value[c])
        if runs and runs[-1][1] == index:
            runs[-1][0] += 1
        else:
            runs.append([1, index])
    assert len(classes) <= 64, len(classes)
    text = "".join(base46(length) + base46(index) for length, index in runs)
    rows = [", ".join(str(v) for v in classes[i : i + 16]) for i in range(0, len(classes), 16)]
    target.write_text(
        "// Made by Tools/generate_unicode_table.py; change that script, not this file.\n\n"
        "/// What `tokenizers` 0.23 knows about each Unicode scalar, as runs of scalars of the same class.\n"
        "enum UnicodeTable {\n"
        "  /// Per class: the general category in bits 0–4 (in the order of `GeneralCategory`), then white space, `\\w`, `\\w` of\n"
        "  /// single-word tokens, numeric, punctuation, untouched by NFC.\n"
        "  static let classes: [UInt16] = [\n" + "".join(f"    {row},\n" for row in rows) + "  ]\n\n"
        f"  /// {len(runs)} runs from U+0000 to U+10FFFF: length and class; see `PackedNumbers`.\n"
        f'  static let runs: StaticString = """\n{swift_string(text)}\n    """\n'
        "}\n",
        encoding="utf-8",
    )
    print(f"{len(classes)} classes, {len(runs)} runs, {len(text)} characters")


if __name__ == "__main__":
    folder = pathlib.Path(__file__).resolve().parent.parent / "Sources/Tokenization/Unicode"
    write_composition(folder / "CompositionTable.swift")
    write_table(folder / "UnicodeTable.swift")
