"""The page, for ``panel serve app.py``."""

import dashboard

dashboard.build().servable()
