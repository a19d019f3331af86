"""Prints what Python's json.dumps makes of the doubles in Tests/OrderedJSONTests/SerializationTests.swift."""

import json

NUMBERS = [
    0.1, 1.0, -0.0, 1e16, 1e15, 1e-5, 1e-4, 1.5e16, 9007199254740992.0, 9999999999999998.0, 12345678901234568.0,
    1234567890123456.5, 1.7976931348623157e308, 5e-324, 2.5e-7, -1e100, 123456.789, 0.00012345, 1e22, 3e15,
    0.30000000000000004, float("nan"), float("inf"), float("-inf"),
]

for number in NUMBERS:
    print(json.dumps(number))
