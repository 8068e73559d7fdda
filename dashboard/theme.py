"""Theme of Material's components, light and dark."""

from __future__ import annotations

COMMON = {
    "typography": {"fontSize": 13, "button": {"textTransform": "none"}},
    "shape": {"borderRadius": 4},
    # Nothing moves for those whose system asks for that.
    "motion": {"reducedMotion": "system"},
    "components": {
        "MuiFormHelperText": {
            "styleOverrides": {
                "root": {
                    "margin": "2px 2px 0",
                    "fontSize": 11,
                    "lineHeight": 1.3,
                    "letterSpacing": 0,
                }
            }
        },
        # Otherwise the signs beside numbers keep their light-theme colour in the dark theme.
        "MuiInputAdornment": {
            "styleOverrides": {
                "root": {"& .MuiIconButton-root": {"color": "var(--mui-palette-text-secondary)"}}
            }
        },
    },
}
THEME = {
    "light": COMMON
    | {
        "palette": {
            "primary": {"main": "#0f766e"},
            "background": {"default": "#f5f6f7", "paper": "#ffffff"},
            "text": {"primary": "#1b1f23", "secondary": "#59626b"},
        }
    },
    "dark": COMMON
    | {
        "palette": {
            "primary": {"main": "#4cc2b4"},
            "background": {"default": "#101315", "paper": "#181c1f"},
            "text": {"primary": "#e6e9eb", "secondary": "#9aa4ad"},
        }
    },
}
# For the pages for logging in and out: by default, Panel fetches their font from another host.
FONT = {"typography": {"fontFamily": "system-ui, sans-serif"}}
LOGIN = {name: theme | FONT for name, theme in THEME.items()}
# Holds the theme that was chosen last.
COOKIE = "logratio_theme"
BAR = 44
CHROME = {
    "& .header": {
        "backgroundColor": "background.paper",
        "color": "text.primary",
        "boxShadow": "none",
        "backgroundImage": "none",
        "borderBottom": "1px solid var(--mui-palette-divider)",
    },
    "& .header .title": {"color": "text.primary", "fontSize": 17, "fontWeight": 700},
    "& .MuiToolbar-root.MuiToolbar-root": {"minHeight": BAR, "height": BAR, "margin": 0},
}
