"""Our own colours: every text at least 4.5:1 on what it stands on (WCAG 2.2, 1.4.3), as a test measures."""

from __future__ import annotations

from textual.theme import Theme

STANDARD = Theme(
    name="counterfoil",
    primary="#8ab8ff",
    secondary="#9fb3c8",
    accent="#ffd479",
    foreground="#edf1f6",
    background="#10161e",
    surface="#18212c",
    panel="#243140",
    success="#7ddba3",
    warning="#ffd479",
    error="#ff9d94",
    variables={
        "quiet": "#adbac8",
        "good": "#7ddba3",
        "warn": "#ffd479",
        "bad": "#ff9d94",
        "key": "#ffd479",
        "banner": "#ffd479",
        "on-banner": "#1b1400",
        "alarm": "#7d1c1c",
        "on-alarm": "#ffffff",
        "chosen": "#8ab8ff",
        "on-chosen": "#0b1420",
        "block-cursor-background": "#8ab8ff",
        "block-cursor-foreground": "#0b1420",
        "block-cursor-blurred-background": "#8ab8ff",
        "block-cursor-blurred-foreground": "#0b1420",
        "input-cursor-text-style": "none",
        "scrollbar": "#5d7690",
        "scrollbar-background": "#18212c",
    },
)

CONTRAST = Theme(
    name="counterfoil-contrast",
    primary="#ffff00",
    secondary="#ffffff",
    accent="#ffff00",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#202020",
    success="#00ff80",
    warning="#ffff00",
    error="#ffb0b0",
    luminosity_spread=0.0,
    text_alpha=1.0,
    variables={
        "quiet": "#ffffff",
        "good": "#00ff80",
        "warn": "#ffff00",
        "bad": "#ffb0b0",
        "key": "#ffff00",
        "banner": "#ffff00",
        "on-banner": "#000000",
        "alarm": "#ffffff",
        "on-alarm": "#8b0000",
        "chosen": "#ffff00",
        "on-chosen": "#000000",
        "block-cursor-background": "#ffff00",
        "block-cursor-foreground": "#000000",
        "block-cursor-blurred-background": "#ffff00",
        "block-cursor-blurred-foreground": "#000000",
        "input-cursor-text-style": "none",
        "scrollbar": "#ffffff",
        "scrollbar-background": "#000000",
    },
)

THEMES = (STANDARD, CONTRAST)
