"""Stage `validate`: checks of a release, the gate against the incumbent, drift, and what becomes of the release."""
