"""Simplified Chinese and English through gettext. The language is chosen once, before a word is said."""

from __future__ import annotations

import gettext
import locale
import os
from collections.abc import Callable
from pathlib import Path

LANGUAGES = ("zh_CN", "en")

_chosen = "en"
_catalogs: dict[str, gettext.NullTranslations] = {}


def choose_language(language: str | None = None) -> str:
    """Take `zh_CN` or `en`; None reads the locale (LC_ALL, LC_MESSAGES, LANG): Chinese of any kind gives zh_CN."""
    global _chosen  # noqa: PLW0603  one process speaks one language to its person
    if language is None:
        told = next((v for k in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(k))), None)
        told = told or locale.getlocale()[0] or ""
        language = "zh_CN" if told.lower().startswith(("zh", "chinese")) else "en"
    _chosen = language
    _catalogs.clear()
    return language


def language() -> str:
    """The language in force."""
    return _chosen


def translator(package_folder: Path) -> Callable[[str], str]:
    """A `_` for one package: looks msgids up in its own locales/ folder, in the language in force at the call."""

    def translate(text: str) -> str:
        key = str(package_folder)
        if key not in _catalogs:
            _catalogs[key] = gettext.translation(
                package_folder.name, package_folder / "locales", languages=[_chosen], fallback=True
            )
        return _catalogs[key].gettext(text)

    return translate


_ = translator(Path(__file__).parent)
