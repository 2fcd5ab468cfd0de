"""Which line a key of a TOML text stands on."""

from __future__ import annotations

import tomllib

from protocol.toml_lines import line_of, lines_of

HARD = '''# [not.a.table]
a = """
[[step]]
b = 1
"""
"quoted key" = 'x # no comment'
list = [ # [x]
  "]", # c = 1
  { deep = [1, 2] },
]
dotted.key.x = 1 # y
[ table . "sub" ]
c = """one \\""" [more]""" # d = 1
e = \'\'\'
f = "\'\'\'
[[many]]
g = 1
[[many]]
[many.inner]
h = 2
[[many.rows]]
i = 3
[[many.rows]]
i = { j = 4 }
'''


def test_lines_are_found_past_texts_and_lists_over_several_lines() -> None:
    tomllib.loads(HARD)
    found = lines_of(HARD)
    expected: dict[tuple[str | int, ...], int] = {
        ("a",): 2,
        ("quoted key",): 6,
        ("list",): 7,
        ("dotted", "key", "x"): 11,
        ("dotted",): 11,
        ("table", "sub"): 12,
        ("table", "sub", "c"): 13,
        ("table", "sub", "e"): 14,
        ("many", 0): 16,
        ("many", 0, "g"): 17,
        ("many", 1): 18,
        ("many", 1, "inner", "h"): 20,
        ("many", 1, "rows", 0, "i"): 22,
        ("many", 1, "rows", 1): 23,
        ("many", 1, "rows", 1, "i"): 24,
    }
    assert {path: found.get(path) for path in expected} == expected
    assert ("b",) not in found and ("f",) not in found and ("table", "sub", "d") not in found
    assert line_of(found, ("many", 1, "rows", 1, "i", "j")) == 24, "inside an inline table: the key's line"
    assert line_of(found, ("nowhere",)) == 1


def test_the_tables_of_each_tables_own_array_are_counted_from_nought() -> None:
    text = """[[many]]
[[many.rows]]
a = 1
[[many.rows]]
[[many]]
[[many.rows]]
a = 2
[[other]]
"""
    assert tomllib.loads(text)["many"][1]["rows"][0]["a"] == 2
    found = lines_of(text)
    assert found["many", 0, "rows", 1] == 4
    assert found["many", 1, "rows", 0, "a"] == 7
    assert ("many", 1, "rows", 1) not in found and ("many", 1, "rows", 2) not in found
    assert found["other", 0] == 8


def test_lines_that_end_as_on_windows() -> None:
    assert lines_of("a = 1\r\n[b] # x\r\nc = 2\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}
