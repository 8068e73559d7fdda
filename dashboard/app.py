"""The page, for ``panel serve`` where Logratio is installed; beside the code it is ``app.py``."""

import dashboard

dashboard.build().servable()
