"""Cannot be imported: it needs a module that nobody has."""

import a_module_that_nobody_has  # type: ignore[import-not-found]  # that is the point

app = a_module_that_nobody_has.app
